"""Tables: what a reader sees, in Markdown and CSV."""

import io
import re
import subprocess
import sys

import pandas
import pytest

from bench.errors import UserError
from bench.report.quantities import ACCURACY, HEAD, PROBE
from bench.report.tables.collect import collect
from bench.report.tables.layout import BEST, SECOND, marks
from bench.report.tables.model import Column
from bench.report.tables.render import render
from tests.helpers.results import CODE, add

VAL = ("val",)


def shown(results, form="md", protocols=VAL, **filters):
    return render(collect(results, **filters), form, protocols)


def line(text, label):
    """The cells of a row of a Markdown table."""
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {label} ")]
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


def test_a_cell_shows_percent_with_its_deviation(tmp_path):
    for seed, a in enumerate((0.5, 0.6, 0.7)):
        add(tmp_path, "x", seed, accuracy=a)
    assert line(shown(tmp_path), "x") == ["60.0 ± 10.0"]


def test_best_and_second_are_marked_and_equals_as_shown_share_a_mark():
    assert marks(["70.0", "71.2", "71.2", "", "65.0"]) == [SECOND, BEST, BEST, "", ""]
    assert marks(["9.0", "10.0"]) == [SECOND, BEST]  # as numbers, not as text


def test_one_number_alone_is_not_the_best_of_anything():
    assert marks(["", "70.0"]) == ["", ""]


def test_ties_are_at_the_precision_shown(tmp_path):
    for method, a in (("x", 0.71201), ("y", 0.71199), ("z", 0.70)):
        add(tmp_path, method, accuracy=a)
    text = shown(tmp_path)
    assert [line(text, m)[0] for m in "xyz"] == ["**71.2**", "**71.2**", "<u>70.0</u>"]


def test_missing_seeds_stand_in_the_cell_and_below(tmp_path):
    for seed in range(3):
        add(tmp_path, "x", seed, accuracy=0.5 + seed / 10)
    add(tmp_path, "y", 1, accuracy=0.2)
    text = shown(tmp_path)
    assert line(text, "y") == ["<u>20.0</u> (n=1)"] and "(n=" not in line(text, "x")[0]
    assert "finished: 1 for `y`." in text and "over seeds 0 to 2." in text
    assert "(n=" not in shown(tmp_path, methods=("x",))


def test_rows_on_other_data_are_named_and_none_is_best(tmp_path):
    add(tmp_path, "x", 0, accuracy=0.5, data_hash="a1" * 32)
    add(tmp_path, "x", 1, accuracy=0.9, data_hash="b2" * 32)
    text = shown(tmp_path)
    assert "x [a]" in text and "x [b]" in text and "**90.0**" not in text
    assert "[a] data `a1a1a1a1`" in text and "[b] data `b2b2b2b2`" in text
    assert "rest on different data" in text


def test_one_seed_has_no_spread_in_the_caption(tmp_path):
    add(tmp_path, "x", 7)
    text = shown(tmp_path)
    assert "percent, seed 7." in text and "deviation" not in text


def test_caption_states_what_the_numbers_rest_on(tmp_path):
    for seed in (0, 1):
        add(tmp_path, "x", seed, data_hash="ab" * 32)
    text = shown(tmp_path)
    wanted = (
        "### Toy data (`toy`), split `clean`",
        "mean ± sample standard deviation (ddof 1) over seeds 0, 1.",
        "Data `abababab`: train 600 (`00000000`), val 200 (`11111111`), test 200 (`22222222`).",
        "Code 0.1.0, commit abc1234, source 0123456789ab.",
    )
    assert all(part in text for part in wanted)


def test_caption_says_what_is_wrong_with_the_samples_that_are_trained_on(tmp_path):
    add(tmp_path, "x")
    for data in ({"missing": 0.3}, {"missing": 0.07, "label_noise": 0.2}):
        add(tmp_path, "x", data=data)
    _, plain, one, both = sorted(shown(tmp_path).split("###"), key=len)
    begin = "Training at fault, drawn by seed: each modality is lacking in"
    assert "Training at fault" not in plain and "split `clean`" in plain
    assert "split `clean (missing=0.3)`" in one
    assert "split `clean (missing=0.07, label_noise=0.2)`" in both
    assert f"{begin} 30 percent of the samples. " in one
    assert f"{begin} 7 percent of the samples; 20 percent of the labels are wrong. " in both


def test_caption_says_so_where_no_epoch_is_selected(tmp_path):
    add(tmp_path, "x", train={"selection": "last"})
    words = "Protocols `val`, the last epoch: the recipe selects none; `last`, the last epoch."
    assert words in shown(tmp_path, protocols=("val", "last"))
    add(tmp_path, "y")
    text = shown(tmp_path)
    words = "`val`, the epoch chosen on validation, or the last where the recipe selects none."
    assert words in text and "`train.selection` differs: " in text


def test_code_versions_that_differ_are_said(tmp_path):
    add(tmp_path, "x", 0)
    add(tmp_path, "x", 1)
    add(tmp_path, "y", 0, code=CODE | {"commit": None, "version": "0.2.0"})
    assert (
        "Code versions differ: 0.1.0, commit abc1234, source 0123456789ab (2 runs); "
        "0.2.0, source 0123456789ab (1 runs)." in shown(tmp_path)
    )


PORTABLE = {
    "device": "cpu",
    "device_name": "Processor A",
    "torch": "2.11.0",
    "arithmetic": "portable",
}


def test_caption_says_what_machine_computed_the_numbers(tmp_path):
    add(tmp_path / "new", "x", environment=PORTABLE)
    words = "Trained on cpu (Processor A), torch 2.11.0, arithmetic portable."
    for form in ("md", "latex", "html"):
        assert words in shown(tmp_path / "new", form)
    assert "other machines" not in shown(tmp_path / "new")
    add(tmp_path / "half", "x", environment=PORTABLE | {"precision": "bf16"})
    assert words.replace("portable", "portable, encoders in bf16") in shown(tmp_path / "half")
    add(tmp_path / "full", "x", environment=PORTABLE | {"precision": "fp32"})
    assert words in shown(tmp_path / "full")
    add(tmp_path / "old", "x")
    words = "not recorded (not recorded), torch not recorded, arithmetic not recorded."
    assert words in shown(tmp_path / "old")


def test_rows_that_mix_machines_are_named(tmp_path):
    other = PORTABLE | {"device_name": "Processor B"}
    for seed in (0, 1):
        for method in ("x", "y"):
            add(tmp_path, method, seed, environment=PORTABLE)
    add(tmp_path, "x", 2, environment=other)
    add(tmp_path, "z", environment=PORTABLE | {"arithmetic": "native"})
    text = shown(tmp_path)
    first = "cpu (Processor A), torch 2.11.0, arithmetic portable"
    second = "cpu (Processor B), torch 2.11.0, arithmetic portable"
    assert f"Trained on several machines: {first} (4 runs); {second} (1 runs)" in text
    note = f"Trained on other machines than most rows, {first}: {first} and {second} for `x`; "
    assert note + "cpu (Processor A), torch 2.11.0, arithmetic native for `z`." in text


def test_parts_that_share_samples_are_named(tmp_path):
    add(tmp_path / "apart", "x", overlaps=[])
    add(tmp_path / "shared", "x", overlaps=["train and test share 6 groups."])
    note = "The parts of split `clean` are not independent: train and test share 6 groups."
    for form, code in (("md", "`clean`"), ("html", "<code>clean</code>")):
        assert note.replace("`clean`", code) in shown(tmp_path / "shared", form)
    assert "not independent" not in shown(tmp_path / "apart")


def test_what_a_method_does_that_its_paper_does_not_is_said(tmp_path):
    add(tmp_path, "x", departures=["vectors are turned too"])
    add(tmp_path, "y")
    assert "Not as in the paper, `x`: vectors are turned too." in shown(tmp_path)


def test_caption_says_whether_anything_was_tuned(tmp_path):
    add(tmp_path / "old", "x")
    assert "Whether settings were tuned is not recorded." in shown(tmp_path / "old")
    for method in ("x", "y"):
        add(tmp_path / "plain", method, changed={})
        add(tmp_path / "short", method, changed={"train.epochs": 3})
        add(tmp_path / "mixed", method, changed={"alpha": 2} if method == "x" else {})
    assert "no method was tuned on these data." in shown(tmp_path / "plain")
    recipe = "the data set's recipe and its method's default settings, but"
    assert f"Every row has {recipe} `train.epochs=3`." in shown(tmp_path / "short")
    assert f"Rows have {recipe} `alpha=2` for `x`." in shown(tmp_path / "mixed")


def test_what_a_protocol_is_not_the_same_for_all_rows_is_said(tmp_path):
    both = {"val": 0.5, "last": 0.5, "test-best": 0.6}
    add(tmp_path, "x", accuracy=both, test_readings=40)
    add(tmp_path, "y", accuracy=both, test_readings=5, selected={"first": 3})
    add(tmp_path, "z", accuracy=both)
    text = shown(tmp_path, "md", ("test-best",))
    words = "`test-best`: the best of so many readings of test: 40 for `x`; 5 for `y`; "
    assert words + "a number not recorded for `z`." in text
    early = "stages before the last one end with weights that validation selects for `y`."
    assert f"`test-best`: {early}" in text
    assert early not in shown(tmp_path) and "readings of test" not in shown(tmp_path)


def test_test_best_is_always_called_optimistic(tmp_path):
    add(tmp_path, "x", accuracy={"val": 0.5, "test-best": 0.6})
    for form in ("md", "latex"):
        assert "optimistic" in shown(tmp_path, form, ("test-best",))
        assert "optimistic" not in shown(tmp_path, form)


def test_heads_read_from_the_fused_logits_have_a_dagger(tmp_path):
    add(tmp_path, "own", heads={"m0": 0.4}, readout="own_head")
    add(tmp_path, "shared", heads={"m0": 0.3}, readout="slice")
    text = shown(tmp_path)
    assert (
        line(text, "shared") == ["**50.0**", "<u>30.0</u>†"] and line(text, "own")[1] == "**40.0**"
    )
    assert "† no own head" in text and "†" not in shown(tmp_path, methods=("own",))
    assert r"$\underline{30.0}^{\dagger}$" in shown(tmp_path, "latex")


def test_a_method_without_a_readout_has_a_dash(tmp_path):
    add(tmp_path, "x", heads={"m0": 0.4}, readout=None)
    add(tmp_path, "y", heads={"m0": 0.4})
    assert line(shown(tmp_path), "x")[1] == "\N{EN DASH}"


def test_a_row_of_one_modality_takes_part_in_its_own_columns(tmp_path):
    both = {"m0": 0.6, "m1": 0.5}
    add(tmp_path, "both", accuracy=0.7, heads=both, probe=both)
    add(tmp_path, "alone", accuracy=0.8, heads={"m1": 0.8}, probe={"m1": 0.8})
    dash = "\N{EN DASH}"
    assert line(shown(tmp_path), "alone") == ["**80.0**", dash, dash, "**80.0**", "**80.0**"]


def test_protocols_stand_side_by_side(tmp_path):
    add(tmp_path, "x", accuracy={"val": 0.5, "last": 0.4}, heads={"m0": 0.3}, probe={"m0": 0.2})
    text = shown(tmp_path, protocols=("val", "last"))
    assert line(text, "Method") == [
        *("Accuracy, val", "m0 head, val", "m0 probe, val"),
        *("Accuracy, last", "m0 head, last"),
    ]
    assert line(text, "x") == ["50.0", "30.0", "20.0", "40.0", "30.0"]
    assert "The probe exists for protocol `val` alone." in text


def test_a_split_without_validation_has_no_val_and_says_so(tmp_path):
    add(tmp_path, "x", accuracy={"last": 0.4}, probe={"m0": 0.2}, data={"split": "literature"})
    text = shown(tmp_path)
    assert line(text, "x") == ["\N{EN DASH}"] and "40.0" not in text
    assert "no validation part" in text and "no validation part" not in shown(
        tmp_path, protocols=("last",)
    )
    assert line(shown(tmp_path, protocols=("last",)), "x") == ["40.0", "20.0"]


def test_a_protocol_that_a_row_lacks_is_said(tmp_path):
    add(tmp_path, "x", accuracy={"val": 0.5, "test-best": 0.6})
    add(tmp_path, "y", accuracy={"val": 0.5})
    assert "`test-best`: not recorded by `y`." in shown(tmp_path, protocols=("test-best",))


def test_recipes_that_differ_without_the_label_saying_so_are_said(tmp_path):
    for method, epochs in (("x", 9), ("y", 9), ("z", 2)):
        add(tmp_path, method, train={"epochs": epochs})
    assert "`train.epochs` differs: 2 for `z`; else 9." in shown(tmp_path)
    assert "differs" not in shown(tmp_path, methods=("x", "y"))


def test_an_encoder_that_a_row_does_not_have_is_no_difference(tmp_path):
    add(tmp_path, "x", network={"encoder": {"m0": "mlp", "m1": "mlp"}})
    add(tmp_path, "y", network={"encoder": {"m0": "mlp"}})
    assert "differs" not in shown(tmp_path)


def test_a_difference_that_the_labels_state_is_not_repeated(tmp_path):
    for lr in (0.1, 0.2):
        add(tmp_path, "x", train={"lr": lr})
    add(tmp_path, "y", train={"lr": 0.1})
    assert "differs" not in shown(tmp_path)


def test_methods_without_a_finished_run_are_named(tmp_path):
    runs = [add(tmp_path, m) for m in ("x", "y")]
    runs[1].result.unlink()
    assert "No finished run yet: `y`." in shown(tmp_path, runs=runs)


def test_families_are_groups(tmp_path):
    add(tmp_path, "x", order=0, family="Baselines")
    add(tmp_path, "y", order=1, family="Others")
    text = shown(tmp_path)
    order = [text.index(s) for s in ("**Baselines**", "| x ", "**Others**", "| y ")]
    assert order == sorted(order)
    assert r"\multicolumn{2}{l}{\emph{Others}} \\" in shown(tmp_path, "latex")


def test_markdown_rows_have_the_same_number_of_cells_whatever_the_names(tmp_path):
    add(tmp_path, "x", settings={"a": "p|q", "b": "*"})
    add(tmp_path, "x", settings={"a": "r", "b": "s"})
    rows = [r for r in shown(tmp_path).splitlines() if r.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", r)) for r in rows}) == 1
    assert r"a=p\|q, b=\*" in shown(tmp_path)


def test_csv_has_every_cell_at_full_precision(tmp_path):
    for seed in range(3):
        add(tmp_path, "x", seed, accuracy=1 / (3 + seed), heads={"m0": 0.1}, probe={"m0": 1 / 7})
    add(tmp_path, "y", heads={"m0": 0.1})
    tables = collect(tmp_path)
    frame = pandas.read_csv(io.StringIO(render(tables, "csv", VAL)), keep_default_na=True)
    frame = frame.set_index(["method", "column"])
    columns = {
        "accuracy": Column("val", ACCURACY),
        "m0 head": Column("val", HEAD, "m0"),
        "m0 probe": Column("val", PROBE, "m0"),
    }
    assert len(frame) == 6
    for row in tables[0].rows:
        for name, column in columns.items():
            cell, line = row.cell(column), frame.loc[(row.method, name)]
            assert line["n"] == len(cell.values)
            if cell.values:
                assert line["mean"] == pytest.approx(cell.mean, rel=1e-15)
                assert [float(v) for v in str(line["values"]).split()] == [*cell.values.values()]
                assert [int(s) for s in str(line["seeds"]).split()] == [*cell.values]
            else:
                assert pandas.isna(line["mean"])


def test_csv_of_several_tables_has_one_header(tmp_path):
    add(tmp_path, "x")
    add(tmp_path, "x", data={"split": "literature"}, accuracy={"val": 0.5})
    frame = pandas.read_csv(io.StringIO(shown(tmp_path, "csv")))
    assert list(frame["split"]) == ["clean", "literature"]


@pytest.mark.parametrize(
    ("form", "protocols", "sentence"),
    [
        ("xml", VAL, "'xml' is not a format of tables"),
        ("md", ("lats",), "'lats' is not a protocol; .* Did you mean 'last'"),
    ],
)
def test_unknown_words_are_refused_with_what_there_is(tmp_path, form, protocols, sentence):
    add(tmp_path, "x")
    with pytest.raises(UserError, match=sentence):
        render(collect(tmp_path), form, protocols)


def test_tables_start_without_the_slow_libraries():
    code = "import sys, bench.report.tables.render, bench.report.write; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"torch", "matplotlib", "pandas", "scipy"}
    assert not slow & set(done.stdout.split())
