"""Columns by name, their units, means of families, and notes on what is extended."""

import io

import pandas
import pytest

from bench.errors import UserError
from bench.report.quantities import ACCURACY, HEAD, PROBE
from bench.report.tables.collect import collect
from bench.report.tables.columns import NAMES, Scale, chosen, scale
from bench.report.tables.display import BEST, SECOND
from bench.report.tables.layout import marks
from bench.report.tables.model import Column
from bench.report.tables.numbers import Numbers
from bench.report.tables.render import render
from tests.helpers.results import add

DASH = "\N{EN DASH}"


def line(text, label):
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {label} ")]
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


def costly(folder, method, seed=0, **costs):
    """A run with these numbers in its entry `cost`."""
    import json

    run = add(folder, method, seed, probe={"m0": 0.4, "m1": 0.3})
    plain = json.loads(run.result.read_text())
    plain["cost"] |= costs
    run.result.write_text(json.dumps(plain))
    return run


def test_default_columns_are_accuracy_then_head_and_probe_of_each_modality(tmp_path):
    both = {"m0": 0.6, "m1": 0.5}
    add(tmp_path, "x", heads=both, probe=both)
    (table,) = collect(tmp_path)
    found = [
        (c.kind, c.modality) for c in chosen(Numbers(table), ("val",), (ACCURACY, HEAD, PROBE))
    ]
    assert found == [
        (ACCURACY, ""),
        *((kind, m) for m in ("m0", "m1") for kind in (HEAD, PROBE)),
    ]


def test_costs_stand_once_and_last_whatever_the_protocols(tmp_path):
    costly(tmp_path, "x", parameters=1500)
    (table,) = collect(tmp_path)
    found = chosen(Numbers(table), ("val", "last"), ("parameters", "accuracy"))
    assert found == [Column("val", ACCURACY), Column("last", ACCURACY), Column("", "parameters")]


def test_the_lowest_is_best_where_lower_is_better():
    assert marks(["3", "1", "2"], -1) == ["", BEST, SECOND]
    assert marks(["3", "1", "2"], 0) == ["", "", ""]


def test_counts_are_in_thousands_or_millions_and_without_a_spread(tmp_path):
    for seed in (0, 1):
        costly(tmp_path, "x", seed, parameters=13_824, forward_flops=2_500_000)
        costly(tmp_path, "y", seed, parameters=7_400, forward_flops=1_000_000)
    text = render(collect(tmp_path), "md", columns=("parameters", "forward_flops"))
    assert line(text, "Method") == ["Parameters (k)", "Forward (MFLOP per sample)"]
    assert line(text, "y") == ["**7.4**", "**1.00**"]
    assert line(text, "x") == ["<u>13.8</u>", "<u>2.50</u>"]
    assert "Lower is better: `parameters`, `forward_flops`." in text


@pytest.mark.parametrize(
    ("kind", "largest", "shown"),
    [
        ("accuracy", 0.5, "50.0"),
        ("nll", 0.0712, "0.071"),
        ("nll", 1.234, "1.23"),
        ("seconds", 12345.6, "12346"),
        ("parameters", 11_234_567, "11.2"),
        ("temperature", 0.0, "0.00"),
    ],
)
def test_numbers_show_what_their_size_warrants(kind, largest, shown):
    assert scale(kind, [largest, None]).text(largest) == shown


def test_what_no_row_has_is_said_instead_of_shown(tmp_path):
    add(tmp_path, "x")
    text = render(collect(tmp_path), "md", columns=("accuracy", "mask", "ece"))
    assert line(text, "x") == ["50.0"] and "No row has a number for `mask`, `ece`." in text
    assert "No row has a number for `mask`." in render(collect(tmp_path), "md", columns=("mask",))


def test_an_unknown_column_is_refused_with_the_nearest(tmp_path):
    add(tmp_path, "x")
    for form in ("md", "csv"):
        with pytest.raises(UserError, match=r"'macrof1' is not a column .* 'macro_f1'"):
            render(collect(tmp_path), form, columns=("macrof1",))
    with pytest.raises(UserError, match="needs a column"):
        render(collect(tmp_path), "md", columns=())


def test_under_training_is_the_accuracy_alone_minus_the_probe(tmp_path):
    for seed in (0, 1):
        add(tmp_path, "alone", seed, accuracy=0.9 + seed / 100, probe={"m0": 0.89})
        add(tmp_path, "x", seed, probe={"m0": 0.8, "m1": 0.7})
    text = render(collect(tmp_path), "md", columns=("accuracy", "under_training"))
    assert line(text, "Method") == ["Accuracy", "m0 under-training"]  # nobody trained m1 alone
    assert line(text, "x")[1] == "10.5 ± 0.7" and line(text, "alone")[1] == DASH


def test_under_training_needs_the_same_recipe(tmp_path):
    add(tmp_path, "alone", accuracy=0.9, probe={"m0": 0.89}, train={"epochs": 3})
    add(tmp_path, "x", probe={"m0": 0.8, "m1": 0.7}, train={"epochs": 9})
    text = render(collect(tmp_path), "md", columns=("under_training",))
    assert "No row has a number for `under_training`." in text


def test_families_of_several_rows_have_a_mean(tmp_path):
    both = {"m0": 0.6, "m1": 0.5}
    for method, a in (("x", 0.6), ("y", 0.8)):
        add(tmp_path, method, accuracy=a, family="Two", order=1, probe=both)
    add(tmp_path, "z", accuracy=0.9, family="One", order=2, probe={"m0": 0.1, "m1": 0.2})
    add(tmp_path, "alone", accuracy=0.1, family="Two", probe={"m0": 0.1})
    text = render(collect(tmp_path), "md")
    assert line(text, r"\*Mean\*".replace("\\", "")) == ["*70.0*", "*60.0*", "*50.0*"]
    assert "each row counting once" in text
    assert "\\textit{Mean} & \\textit{70.0}" in render(collect(tmp_path), "latex")
    assert '<tr class="mean"><th scope="row">Mean</th>' in render(collect(tmp_path), "html")
    frame = pandas.read_csv(io.StringIO(render(collect(tmp_path), "csv")))
    assert set(frame["method"]) == {"x", "y", "z", "alone"}


def test_rows_on_other_data_have_no_mean(tmp_path):
    for i, method in enumerate(("x", "y")):
        add(tmp_path, method, data_hash=f"{i}" * 64)
    assert "Mean" not in render(collect(tmp_path), "md")


def test_extensions_are_said_where_there_are_more_than_two_modalities(tmp_path):
    three = ("m0", "m1", "m2")
    for folder, modalities in (("two", three[:2]), ("three", three)):
        add(tmp_path / folder, "x", modalities=modalities, more_than_two="a mean over the others")
        add(tmp_path / folder, "y", modalities=modalities)
    words = (
        "Our extension of the paper to more than two modalities: a mean over the others for `x`."
    )
    assert words in render(collect(tmp_path / "three"), "md")
    assert "extension" not in render(collect(tmp_path / "two"), "md")


def test_every_quantity_can_be_a_column(tmp_path):
    costly(tmp_path, "x", parameters=3)
    text = render(collect(tmp_path), "md", columns=tuple(NAMES))
    assert line(text, "x") == ["50.0", "40.0", "30.0", "3.00"]


def test_what_rounds_to_zero_has_no_sign():
    assert Scale(100, 1).text(-0.0004) == "0.0"
    assert Scale(100, 1).text(-0.004) == "-0.4"


def test_attained_shares_are_of_what_each_modality_allows(tmp_path):
    """(accuracy - chance) / (best - chance); a dash where nothing can be known."""
    some = {"m0": 0.4, "m1": 0.2}
    best = {("m0",): 0.5, ("m1",): 0.102, ("m0", "m1"): 0.9}
    add(tmp_path, "x", accuracy=0.7, heads=some, probe={"m0": 0.3, "m1": 0.2}, best=best)
    (table,) = collect(tmp_path)
    text = render([table], "md", columns=("attained", "attained_head", "attained_probe"))
    assert line(text, "x") == ["75.0", "75.0", "50.0"]


def test_where_no_modality_tells_anything_only_the_answer_attains_a_share(tmp_path):
    best = {("m0",): 0.1, ("m1",): 0.1, ("m0", "m1"): 0.9}
    add(tmp_path, "x", accuracy=0.5, heads={"m0": 0.1, "m1": 0.1}, best=best)
    (table,) = collect(tmp_path)
    text = render([table], "md", columns=("attained", "attained_head"))
    assert line(text, "x")[0] == "50.0" and set(line(text, "x")[1:]) <= {DASH}
