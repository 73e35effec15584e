"""Reading runs into cells: what is averaged, what is kept apart, what is refused."""

import json
import math
import shutil

import pytest

from bench.errors import UserError
from bench.report.quantities import ACCURACY, HEAD, PROBE
from bench.report.read.settings import natural, told_apart
from bench.report.stats.paired import FoldSeed
from bench.report.tables.collect import collect
from bench.report.tables.grounds import fold_words, seed_words
from bench.report.tables.model import Column
from bench.runs.rundir import every
from tests.helpers.results import add

ACC = Column("val", ACCURACY)


def labels(table):
    return [row.label for row in table.rows]


def test_a_cell_is_the_mean_and_the_sample_deviation_over_seeds(tmp_path):
    for seed, a in enumerate((0.5, 0.6, 0.7)):
        add(tmp_path, "x", seed, accuracy=a)
    cell = collect(tmp_path)[0].rows[0].cell(ACC)
    assert cell.values == {0: 0.5, 1: 0.6, 2: 0.7}
    assert math.isclose(cell.mean, 0.6) and math.isclose(cell.std, 0.1)  # ddof 0 would give 0.082
    assert cell.interval == pytest.approx((0.6 - 4.302653 * 0.1 / 3**0.5, 0.8484138))


def test_one_seed_has_no_deviation_and_an_empty_cell_no_mean(tmp_path):
    add(tmp_path, "x", accuracy=0.5)
    row = collect(tmp_path)[0].rows[0]
    assert row.cell(ACC).std is None and row.cell(ACC).interval is None
    assert row.cell(Column("last", ACCURACY)).mean is None


def test_a_probe_belongs_to_its_own_protocol(tmp_path):
    add(tmp_path, "x", accuracy={"val": 0.5, "last": 0.4}, heads={"m0": 0.3}, probe={"m0": 0.2})
    row = collect(tmp_path)[0].rows[0]
    assert row.cell(Column("val", PROBE, "m0")).values == {0: 0.2}
    assert row.cell(Column("last", PROBE, "m0")).values == {}
    assert row.cell(Column("last", HEAD, "m0")).values == {0: 0.3}


def test_runs_on_other_data_are_rows_of_their_own(tmp_path):
    add(tmp_path, "x", 0, accuracy=0.5, data_hash="a" * 64)
    add(tmp_path, "x", 1, accuracy=0.9, data_hash="b" * 64)
    (table,) = collect(tmp_path)
    assert [(r.variant, r.cell(ACC).values) for r in table.rows] == [
        ("a", {0: 0.5}),
        ("b", {1: 0.9}),
    ]


def test_runs_on_another_split_digest_are_rows_of_their_own(tmp_path):
    add(tmp_path, "x", 0, digests={"train": "1", "val": "2", "test": "3"})
    add(tmp_path, "x", 1, digests={"train": "1", "val": "2", "test": "4"})
    assert [r.seeds for r in collect(tmp_path)[0].rows] == [(0,), (1,)]


def test_configurations_of_a_method_are_told_apart_by_what_differs(tmp_path):
    add(tmp_path, "x", settings={"alpha": 0.8, "beta": 1}, train={"lr": 0.01})
    add(tmp_path, "x", settings={"alpha": 0.3, "beta": 1}, train={"lr": 0.01})
    add(tmp_path, "y", settings={"alpha": 7.0})
    assert labels(collect(tmp_path)[0]) == ["x (alpha=0.3)", "x (alpha=0.8)", "y"]


def test_recipe_and_network_tell_configurations_apart_too(tmp_path):
    add(tmp_path, "x", train={"lr": 0.1}, network={"encoder": {"m0": "cnn"}})
    add(tmp_path, "x", train={"lr": 0.02})
    assert labels(collect(tmp_path)[0]) == [
        "x (train.lr=0.02, network.encoder.m0=unset)",
        "x (train.lr=0.1, network.encoder.m0=cnn)",
    ]


def test_values_that_look_alike_when_short_are_written_in_full():
    values = [{"a": 20 / 150}, {"a": 0.1333}]
    assert told_apart(values) == [{"a": repr(20 / 150)}, {"a": "0.1333"}]
    assert told_apart([{"a": 20 / 150}, {"a": 0.5}])[0] == {"a": "0.1333"}


def test_numbers_sort_as_numbers():
    assert sorted([{"a": "10"}, {"a": "x"}, {"a": "9"}], key=natural)[0] == {"a": "9"}


def test_each_split_is_a_table(tmp_path):
    add(tmp_path, "x")
    add(tmp_path, "x", data={"split": "literature"})
    assert [t.name for t in collect(tmp_path)] == ["clean", "literature"]
    assert all(len(t.rows) == 1 and not t.rows[0].settings for t in collect(tmp_path))


def digests(fold, state=0):
    return {part: f"{fold}{state}{i}" for i, part in enumerate(("train", "val", "test"))}


def test_folds_of_a_method_are_one_row_and_count_alike(tmp_path):
    for fold, seed, accuracy in ((0, 0, 0.5), (0, 1, 0.7), (2, 0, 0.8)):
        data = {"fold": fold} if fold else {}  # fold 0 from before there was a choice
        add(tmp_path, "x", seed, accuracy=accuracy, data=data, digests=digests(fold))
    (table,) = collect(tmp_path)
    assert table.name == "clean (folds=0, 2)"
    (row,) = table.rows
    cell = row.cell(ACC)
    assert cell.values == {(0, 0): 0.5, (0, 1): 0.7, (2, 0): 0.8} and row.seeds == table.seeds
    assert " ".join(map(str, cell.values)) == "0/0 0/1 2/0"
    assert cell.mean == pytest.approx(0.7) and cell.std == pytest.approx(0.1527525)
    assert row.variant == "" and row.settings == {} and "; " in row.digests
    # Two folds: one degree of freedom, and a third as many samples test as train.
    half = 12.7062047 * 0.2 / 2**0.5 * (1 / 2 + 200 / 600) ** 0.5
    assert cell.interval == pytest.approx((0.7 - half, 0.7 + half))


def test_folds_of_generated_data_share_no_sample(tmp_path):
    for fold, accuracy in ((0, 0.6), (1, 0.8)):
        add(tmp_path, "x", accuracy=accuracy, data={"fold": fold}, best={("m0", "m1"): 0.9})
    (table,) = collect(tmp_path)
    half = 12.7062047 * 0.2 / 2**0.5 * (1 / 2) ** 0.5
    assert table.rows[0].cell(ACC).interval == pytest.approx((0.7 - half, 0.7 + half))
    assert "each fold is another draw of all samples" in fold_words(table)


def test_one_fold_is_a_table_as_without_folds(tmp_path):
    for seed in (0, 1):
        add(tmp_path, "x", seed, accuracy=0.5 + seed / 10, data={"fold": 2})
    (table,) = collect(tmp_path)
    assert table.name == "clean" and table.seeds == (0, 1)
    assert table.rows[0].cell(ACC).values == {0: 0.5, 1: 0.6}


def test_another_split_of_a_fold_is_a_row_of_its_own_in_all_folds(tmp_path):
    for method, state in (("x", 0), ("y", 1)):
        for fold in (0, 1):
            add(tmp_path, method, data={"fold": fold}, digests=digests(fold, state))
    (table,) = collect(tmp_path)
    assert [(r.method, r.variant, len(r.runs)) for r in table.rows] == [
        ("x", "a", 2),
        ("y", "b", 2),
    ]


def test_folds_that_were_asked_for_are_expected_though_no_row_has_them(tmp_path):
    wanted = [add(tmp_path, "x", data={"fold": k}, digests=digests(k)) for k in (0, 1)]
    wanted[1].result.unlink()
    (table,) = collect(tmp_path, wanted)
    assert table.seeds == ((0, 0), (1, 0)) and table.unfinished == ()
    assert list(table.rows[0].cell(ACC).values) == [(0, 0)]


def test_seeds_of_folds_in_words():
    product = tuple(FoldSeed(fold, seed) for fold in range(5) for seed in (0, 1))
    assert seed_words(product) == "0, 1 of folds 0 to 4"
    assert seed_words(product[:-1]) == "0, 1 of folds 0 to 3; 0 of fold 4"


def test_rows_follow_the_order_of_methods_and_families_stay_together(tmp_path):
    add(tmp_path, "late", order=9, family="A")
    add(tmp_path, "early", order=1, family="A")
    add(tmp_path, "between", order=5, family="B")
    add(tmp_path, "outside", order=None, family="")
    assert labels(collect(tmp_path)[0]) == ["early", "late", "between", "outside"]


def test_a_row_of_one_modality_knows_it_and_follows_the_order_of_modalities(tmp_path):
    add(tmp_path, "both", probe={"z": 0.1, "a": 0.2}, modalities=("z", "a"))
    add(tmp_path, "alone-a", probe={"a": 0.2}, modalities=("z", "a"))
    add(tmp_path, "alone-z", probe={"z": 0.2}, modalities=("z", "a"))
    rows = collect(tmp_path)[0].rows
    assert [(r.method, r.alone) for r in rows] == [("both", ""), ("alone-z", "z"), ("alone-a", "a")]


def test_filters_take_names_and_patterns(tmp_path):
    for method in ("x", "x-a", "x-b", "y"):
        add(tmp_path, method)
    add(tmp_path, "y", dataset="other")
    assert labels(collect(tmp_path, methods=("x",))[0]) == ["x"]
    assert labels(collect(tmp_path, methods=("x-*", "y"), datasets=("toy",))[0]) == [
        "x-a",
        "x-b",
        "y",
    ]


def test_a_name_with_a_colon_finds_its_directory(tmp_path):
    add(tmp_path, "pack.module:Class")
    assert labels(collect(tmp_path, methods=("pack.module:Class",))[0]) == ["pack.module:Class"]


def test_only_wanted_runs_count_and_the_missing_are_known(tmp_path):
    wanted = [add(tmp_path, "x", seed) for seed in (0, 1)]
    add(tmp_path, "x", 2)
    absent = add(tmp_path, "y", 1)
    absent.result.unlink()
    (table,) = collect(tmp_path, [*wanted, absent])
    assert table.rows[0].seeds == (0, 1) and table.unfinished == ("y",)


def test_seeds_asked_for_are_expected_though_no_row_has_them(tmp_path):
    wanted = [add(tmp_path, "x", seed) for seed in (0, 1)]
    shutil.rmtree(wanted[1].path)
    (table,) = collect(tmp_path, wanted)
    assert table.seeds == (0, 1) and table.unfinished == ()


def test_without_a_suite_the_seeds_are_those_of_all_rows(tmp_path):
    add(tmp_path, "x", 0)
    add(tmp_path, "y", 3)
    assert collect(tmp_path)[0].seeds == (0, 3)


def test_an_unfinished_run_is_not_read(tmp_path):
    add(tmp_path, "x")
    add(tmp_path, "y").result.unlink()
    assert labels(collect(tmp_path)[0]) == ["x"]


def test_nothing_finished_is_one_sentence_that_says_how_to_start(tmp_path):
    with pytest.raises(UserError, match=r"no finished runs under .* of x; start some with"):
        collect(tmp_path, methods=("x",))


def test_another_format_version_is_refused(tmp_path):
    run = add(tmp_path, "x")
    run.result.write_text(json.dumps(json.loads(run.result.read_text()) | {"format": 99}))
    with pytest.raises(UserError, match="format version 99"):
        collect(tmp_path)


@pytest.mark.parametrize("content", ["{", '{"format": 1}', "[]"])
def test_a_damaged_result_is_refused_by_its_name(tmp_path, content):
    add(tmp_path, "x").result.write_text(content)
    with pytest.raises(UserError, match=r"result\.json"):
        collect(tmp_path)


@pytest.mark.parametrize("part", ["protocols", "method", "spec", "split"])
@pytest.mark.parametrize("value", [3, None, "gone"])
def test_a_result_with_a_part_of_another_kind_is_refused(tmp_path, part, value):
    run = add(tmp_path, "x")
    plain = json.loads(run.result.read_text()) | {part: value}
    if value == "gone":
        del plain[part]
    run.result.write_text(json.dumps(plain))
    with pytest.raises(UserError, match=r"result\.json lacks what a report needs"):
        collect(tmp_path)


def test_a_damaged_result_of_another_data_set_does_not_matter(tmp_path):
    add(tmp_path, "x")
    add(tmp_path, "x", dataset="other").result.write_text("{")
    assert len(collect(tmp_path, datasets=("toy",))) == 1


def test_the_builder_writes_what_the_run_directory_reads(tmp_path):
    run = add(tmp_path, "x", 4, settings={"a": 1})
    assert [r.path for r in every(tmp_path)] == [run.path]
    assert run.spec().seed == 4 and run.state == "done"


def test_runs_that_are_named_stand_in_their_order_whatever_their_code_said(tmp_path):
    made = [add(tmp_path, name, order=place) for name, place in (("b", 1), ("a", 0), ("c", 2))]
    (table,) = collect(tmp_path, runs=made)
    assert [row.method for row in table.rows] == ["b", "a", "c"]
    (table,) = collect(tmp_path)
    assert [row.method for row in table.rows] == ["a", "b", "c"]
