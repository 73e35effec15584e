"""Figures of all that a campaign leaves: what is drawn stands beside it in numbers, nothing
collides, and what cannot be drawn is said."""

import logging
import re
from itertools import combinations

import numpy as np
import pandas
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from bench.errors import UserError
from bench.report import figures
from bench.report.figures import cost, labels, ranks, scores, style
from bench.report.quantities import QUANTITIES
from bench.report.stats.ranks import diagram
from bench.report.tables.collect import collect
from bench.report.write import write_figures
from tests.helpers.evaluations import campaign, evaluate
from tests.helpers.results import add, learning

OVER_ALL = ("ranks", "profile")
KINDS = [kind for kind in figures.KINDS if kind != "phase"]  # which needs other tables
MODALITIES = ("m0", "m1")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Tables of five methods on three data sets, two seeds, and their figures by kind."""
    results = tmp_path_factory.mktemp("small")
    campaign(results, methods=5, datasets=3, seeds=3)
    found = collect(results)
    made = {}
    for kind in KINDS:
        for one in figures.drawings(found if kind in OVER_ALL else found[:1], kind=kind):
            made.setdefault(kind, []).append(one)
    return found, made


def frame(made):
    return pandas.DataFrame(made.lines)


def panel(made, title):
    (axes,) = [a for a in made.figure.axes if a.get_title(loc="left") == title]
    return axes


def drawn(axes, colour):
    """y of the thick line of a colour."""
    (line,) = [x for x in axes.lines if x.get_color() == colour and x.get_ls() == "-"]
    return line.get_ydata()


def test_every_kind_is_drawn_where_there_is_everything(small):
    _, made = small
    stems = {kind: [one.stem for one in each] for kind, each in made.items()}
    assert list(stems) == KINDS
    assert stems.pop("robustness") == ["robustness-missing_zero", "robustness-noise_inputs"]
    assert all(each == [kind] for kind, each in stems.items())


def test_robustness_draws_the_means_beside_it(small):
    _, made = small
    one = made["robustness"][0]
    lines = frame(one).query("method == 'method_3'")
    for m, colour in zip(("m0", "m1", ""), (*style.MODALITY, style.BLACK), strict=False):
        shown = drawn(panel(one, "method_3"), style.BLACK if not m else colour)
        assert shown == pytest.approx(100 * lines[lines["modality"] == m]["mean"].to_numpy())


def test_robustness_is_what_the_results_say(small):
    found, made = small
    line = frame(made["robustness"][0]).query(
        "method == 'm_2' and modality == 'm1' and level == 0.5"
    )
    row = next(row for row in found[0].rows if row.method == "m_2")
    told = [run.evaluated.curves["missing_zero", "m1"][5] for run in row.runs]
    assert line["mean"].item() == pytest.approx(np.mean(told)) and line["n"].item() == 3


def test_the_bars_are_shapley_values_and_sum_to_the_accuracy(small):
    found, made = small
    (one,) = made["contribution"]
    table = frame(one)
    bars = [patch.get_width() for patch in one.figure.axes[0].patches]
    values = table[table["quantity"] == "shapley"]
    assert bars == pytest.approx(list(100 * values["mean"]))
    row = next(row for row in found[0].rows if row.method == "method_0")
    whole = np.mean([run.accuracy["val"] for run in row.runs])
    assert values[values["method"] == "method_0"]["mean"].sum() == pytest.approx(whole)


def test_no_contribution_is_drawn_for_one_modality(small):
    _, made = small
    methods = set(frame(made["contribution"][0])["method"])
    assert len(methods) == 5 and not any("unimodal" in method for method in methods)


def test_the_ece_beside_reliability_is_the_metrics_and_the_bins_hold_all_samples(small):
    found, made = small
    lines = frame(made["calibration"][0]).query("method == 'method_3'")
    runs = next(row for row in found[0].rows if row.method == "method_3").runs
    for answers, quantity in (("raw", "ece"), ("scaled", "ece_scaled")):
        part = lines[lines["answers"] == answers]
        told = np.mean([QUANTITIES[quantity].value(run, "val") for run in runs])
        assert part["ece"].unique() == pytest.approx([told])
        assert part["samples"].sum() == 3 * 400
        hits = (part["samples"] * part["accuracy"]).sum() / 1200
        right = np.mean([QUANTITIES["balanced_accuracy"].value(run, "val") for run in runs])
        assert hits == pytest.approx(right, abs=0.03)


def test_the_line_of_cost_holds_whoever_nobody_beats(small):
    _, made = small
    lines = frame(made["cost"][0])
    for _, part in lines.groupby("cost"):
        for _, one in part.iterrows():
            better = (part["cost_mean"] <= one["cost_mean"]) & (part["mean"] > one["mean"])
            assert bool(one["unbeaten"]) != better.any()
        assert part["unbeaten"].sum() > 0


def test_learning_curves_are_compared_with_the_modality_alone(small):
    _, made = small
    (one,) = made["curves"]
    axes = panel(one, "approach_1")
    lines = frame(one).query("method == 'approach_1'")
    numbers = [t.get_text() for t in axes.texts]
    for m, colour, number in zip(MODALITIES, style.MODALITY, numbers, strict=False):
        part = lines[lines["modality"] == m]
        assert drawn(axes, colour) == pytest.approx(100 * part["mean"].to_numpy())
        gap = 100 * (part["mean"].max() - part["alone_mean"].max())
        assert float(number.replace("\N{MINUS SIGN}", "-")) == pytest.approx(gap, abs=0.051)
        assert gap < -5
    assert len(axes.collections) >= 2  # the shades


def test_ranks_are_those_of_the_statistics(small):
    found, made = small
    array = scores.over_datasets(found, figures.kinds.accuracy.columns(found[0], "val")[0])
    told = diagram(array.values.mean(axis=1), list(array.methods))
    lines = frame(made["ranks"][0])
    assert tuple(lines["method"]) == told.names
    assert lines["mean_rank"].to_numpy() == pytest.approx(told.mean_ranks)
    said = " ".join(t.get_text() for t in made["ranks"][0].figure.axes[0].texts)
    assert all(name in said for name in told.names)
    assert "no pair could have been told apart" in " ".join(said.split())


def test_bars_of_ranks_do_not_touch_on_one_line():
    cliques = ((0, 3), (2, 4), (3, 5), (5, 6))
    assert ranks.stacked(cliques) == [0, 1, 2, 0]


def test_a_profile_falls_and_lies_within_its_band(small):
    _, made = small
    for _, part in frame(made["profile"][0]).groupby("method"):
        assert (np.diff(part["share"]) <= 0).all() and part["share"].iloc[-1] == 0
        assert (part["iqm_low"] <= part["iqm"]).all() and (part["iqm"] <= part["iqm_high"]).all()
        assert part["runs"].unique() == [9]
    line = frame(made["profile"][0]).query("method == 'm_2'")
    assert drawn(panel(made["profile"][0], "m_2"), "#0072B2") == pytest.approx(line["share"])


def test_fonts_are_in_the_file_and_svg_keeps_its_text(small):
    figure = small[1]["cost"][0].figure
    pdf = style.image(figure, "pdf")
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    svg = style.image(figure, "svg").decode()
    assert "approach_1" in svg and svg == style.image(figure, "svg").decode()


def lightness(colour):
    """L* of CIE 1976, 0 to 100."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    y = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def test_colours_of_modalities_differ_in_grey_from_one_another_and_from_black_and_white():
    shades = [lightness(c) for c in (style.BLACK, *style.MODALITY[:4])] + [100.0]
    assert min(abs(a - b) for a, b in combinations(shades, 2)) > 10
    pair = [lightness(c) for c in style.MODALITY[:2]]
    assert abs(pair[0] - pair[1]) > 20


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    results = tmp_path_factory.mktemp("large")
    modalities = ("image", "spectrogram", "text")
    campaign(results, methods=22, datasets=3, seeds=2, modalities=modalities, epochs=4)
    for seed in range(2):
        log = learning({"text": 0.5}, epochs=4)
        for lr in (0.5, 0.1):
            name = "a_method_with_a_very_long_name_indeed"
            shown = {"settings": {"strength_of_the_modulation": lr}, "dataset": "set0", "order": 9}
            one = add(results, name, seed, log=log, modalities=modalities, **shown)
            evaluate(one, 0.7, dict.fromkeys(modalities, 0.2), (2e10, 9))
    return collect(results)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_collides_with_twenty_seven_rows(large, kind):
    found = large if kind in OVER_ALL else large[:1]
    for made in figures.drawings(found, kind=kind):
        canvas = FigureCanvasAgg(made.figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        hidden = {id(t) for axes in made.figure.axes for t in unseen(axes)}
        texts = [t for t in made.figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
        boxes = [
            (t.get_text(), Text.get_window_extent(t, renderer))  # an annotation's has its line
            for t in texts
            if id(t) not in hidden
        ]
        assert len(boxes) > 15
        hits = [(a, b) for (a, x), (b, y) in combinations(boxes, 2) if x.padded(-1).overlaps(y)]
        assert not hits, made.stem
        page = made.figure.bbox.padded(2)
        assert [t for t, b in boxes if not (page.contains(*b.min) and page.contains(*b.max))] == []


def unseen(axes):
    """Tick labels that are off, or outside the limits."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            inside = low <= tick.get_loc() <= high
            if not axes.axison or not inside or not tick.label1.get_visible():
                yield tick.label1
            yield tick.label2


def test_names_keep_off_points_and_one_another():
    from matplotlib.figure import Figure

    axes = Figure(figsize=(4, 3)).subplots()
    places = [(x, y) for x in (1, 1.01, 1.02) for y in (1, 1.02)]
    axes.plot(*zip(*places, strict=True), "o")
    axes.set(xlim=(0, 2), ylim=(0, 2))
    labels.place_names(axes, places, [f"method {i}" for i in range(6)], [])
    axes.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(t) for t in axes.texts]
    marks = axes.transData.transform(places)
    assert not any(a.padded(-1).overlaps(b) for a, b in combinations(boxes, 2))
    assert not any(box.contains(*mark) for box in boxes for mark in marks)


def test_what_older_results_lack_is_left_out_with_one_sentence_each(tmp_path, caplog):
    add(tmp_path, "x", log=learning({"m0": 0.5}))
    found = collect(tmp_path)
    with caplog.at_level(logging.WARNING):
        stems = [one.stem for one in figures.drawings(found)]
    assert stems == ["accuracy", "curves"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 6 and all(re.match(r"[a-z, ]+ (is|are) left out", one) for one in said)
    assert "ranks, profile are left out: a comparison over data sets needs 3" in said[-1]
    with pytest.raises(UserError, match="no numbers for the figure 'cost'"):
        write_figures(found, tmp_path / "out", kind="cost")


def test_only_the_rows_that_have_the_numbers_are_drawn(tmp_path):
    campaign(tmp_path, methods=2, datasets=1, seeds=2)
    add(tmp_path, "older", dataset="set0", title="Toy data number 0", log=learning({"m0": 0.5}))
    found = collect(tmp_path)
    for kind in ("contribution", "robustness", "calibration", "cost", "gradients"):
        for one in figures.drawings(found, kind=kind):
            assert "older" not in set(frame(one)["method"])


def test_another_protocol_leaves_out_what_belongs_to_the_stored_network(tmp_path, caplog):
    add(tmp_path, "x", accuracy={"val": 0.5, "last": 0.6})
    evaluate(next(iter(collect(tmp_path)[0].rows[0].runs)).directory, 0.5, {"m0": 0.3, "m1": 0.2})
    stems = [one.stem for one in figures.drawings(collect(tmp_path), ("last",))]
    assert "accuracy" in stems and "contribution" not in stems
    assert "under protocol last" in caplog.text


def test_of_equal_points_one_is_unbeaten():
    class Cheap:
        def __init__(self, cost, accuracy):
            self.cost, self.accuracy = Mean(cost), Mean(accuracy)

    class Mean:
        def __init__(self, mean):
            self.mean = mean

    points = [Cheap(2, 0.9), Cheap(1, 0.8), Cheap(1, 0.7), Cheap(3, 0.9), Cheap(4, 0.95)]
    assert [(p.cost.mean, p.accuracy.mean) for p in cost.unbeaten(points)] == [
        (1, 0.8),
        (2, 0.9),
        (4, 0.95),
    ]
