"""The figure of gradient norms: ratios worked out by hand, and who is left out."""

import pandas
import pytest

from bench.report.figures import gradients
from bench.report.figures.series import LeftOut
from bench.report.tables.collect import collect
from tests.helpers.results import add


def log(*norms, stage="train"):
    """An epoch for each, of a modality's gradient norms."""
    return [
        {"stage": stage, "epoch": e, **({"gradient_norm": one} if one else {})}
        for e, one in enumerate(norms)
    ]


def lines(folder):
    """(method, modality, epoch) -> line."""
    (table,) = collect(folder)
    figure, drawn = gradients.make(table)
    frame = pandas.DataFrame(drawn).set_index(["method", "modality", "epoch"])
    return figure, frame


def test_of_two_modalities_it_is_one_over_the_other(tmp_path):
    add(tmp_path, "x", log=log({"m0": 3.0, "m1": 1.5}, {"m0": 1.0, "m1": 4.0}))
    figure, found = lines(tmp_path)
    assert found.loc["x", "m0"]["ratio"].tolist() == pytest.approx([2, 1 / 4])
    assert found.loc["x", "m1"]["ratio"].tolist() == pytest.approx([1 / 2, 4])
    assert found.loc["x", "m1"]["norm"].tolist() == pytest.approx([1.5, 4.0])
    drawn = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert [pytest.approx(one) for one in drawn] == [[1, 1], [2, 1 / 4], [1 / 2, 4]]
    assert figure.axes[0].get_yscale() == "log"


def test_of_three_it_is_one_over_the_mean_of_the_others(tmp_path):
    names = ("m0", "m1", "m2")
    add(tmp_path, "x", log=log({"m0": 6.0, "m1": 1.0, "m2": 3.0}), modalities=names)
    _, found = lines(tmp_path)
    ratios = [found.loc[("x", m, 0), "ratio"] for m in names]
    assert ratios == pytest.approx([6 / 2, 1 / 4.5, 3 / 3.5])


def test_seeds_are_averaged_by_their_logarithms(tmp_path):
    for seed, norm in enumerate((1.0, 16.0)):
        add(tmp_path, "x", seed, log=log({"m0": norm, "m1": 1.0}))
    _, found = lines(tmp_path)
    for m, ratio in (("m0", 4), ("m1", 1 / 4)):
        line = found.loc[("x", m, 0)]
        assert (line["ratio"], line["n"]) == (pytest.approx(ratio), 2)
        assert line["log2_std"] == pytest.approx(8**0.5)  # of 0 and 4, ddof 1


def test_epochs_of_one_encoder_alone_have_no_ratio_and_keep_their_place(tmp_path):
    both, one = {"m0": 1.0, "m1": 1.0}, {"m0": 1.0}
    add(tmp_path, "x", log=log(one, both, {"m0": 1.0, "m1": 0.0}, None, both))
    _, found = lines(tmp_path)
    assert found.loc["x", "m0"].index.tolist() == found.loc["x", "m1"].index.tolist() == [1, 4]


def test_rows_without_gradients_are_left_out(tmp_path):
    add(tmp_path, "older", log=log(None, None))
    with pytest.raises(LeftOut, match="no log holds gradients of several modalities"):
        lines(tmp_path)
    add(tmp_path, "x", log=log({"m0": 1.0, "m1": 2.0}))
    figure, found = lines(tmp_path)
    assert set(found.index.get_level_values(0)) == {"x"} and len(figure.axes) == 1
