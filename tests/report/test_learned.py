"""Figures of what methods learned: which rows share one, its numbers, how it is asked for."""

import io
import json

import matplotlib.image
import pandas
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.__main__ import main
from bench.errors import UserError
from bench.report.figures import learned
from bench.report.tables.collect import collect
from bench.report.write import write_figures
from tests.helpers.results import add

WEIGHTS = {"title": "Weights", "unit": "mean on test"}
LOSS = {"title": "Own loss", "unit": "nats", "logged": "own"}


def tell(results, method, seed=0, panels=(), log=(), **options):
    """A finished run whose method tells `panels`."""
    run = add(results, method, seed, log=list(log), **options)
    run.result.write_text(json.dumps(run.result_json() | {"learned": list(panels)}))
    return run


def epochs(numbers, stage="first", key="own"):
    return [{"stage": stage, "epoch": e, key: n} for e, n in enumerate(numbers)]


def full(results, method, seeds=3, shift=0.0, **options):
    """Runs with a panel of values and a logged one."""
    for seed in range(seeds):
        values = {"m0": 0.5 + shift + seed / 100, "m1": 0.2, "both": 0.3}
        log = epochs([5 + shift + seed / 10, 4 + shift, 3])
        tell(results, method, seed, [WEIGHTS | {"values": values}, LOSS], log, **options)


def drawn(results, **options):
    (table,) = collect(results)
    (rows,) = learned.groups(table)
    panels = learned.panels(rows)
    return panels, learned.draw(table, panels)


def test_values_are_kept_seed_by_seed(tmp_path):
    full(tmp_path, "x")
    panels, _ = drawn(tmp_path)
    (series,) = panels[0].series
    assert list(series.points) == ["m0", "m1", "both"]
    assert series.points["m0"].values == {0: 0.5, 1: 0.51, 2: 0.52}
    assert (panels[0].title, panels[0].unit, panels[0].logged) == (*WEIGHTS.values(), False)


def test_logged_numbers_are_those_of_the_first_stage_that_logs_them(tmp_path):
    log = [
        *epochs([9, 9], "warm", "other"),
        *epochs([5, 4, 3], "second"),
        *epochs([1, 1, 1, 1], "third"),
    ]
    tell(tmp_path, "x", 0, [LOSS], log)
    ((panel,), figure) = drawn(tmp_path)
    (series,) = panel.series
    assert series.stage == "second"
    assert {e: c.mean for e, c in series.points.items()} == {0: 5, 1: 4, 2: 3}
    assert figure.axes[0].get_xlabel() == "epoch of stage second"


def test_a_mean_never_changes_its_seeds_on_the_way(tmp_path):
    for seed, count in enumerate((2, 4)):
        tell(tmp_path, "x", seed, [LOSS], epochs(range(count)))
    ((panel,), _) = drawn(tmp_path)
    assert [len(c.values) for c in panel.series[0].points.values()] == [2, 2]


def test_a_panel_that_no_log_fills_is_left_out(tmp_path):
    tell(tmp_path, "x", 0, [LOSS, WEIGHTS | {"values": {"m0": 1}}], epochs([1], key="other"))
    panels, figure = drawn(tmp_path)
    assert [p.title for p in panels] == ["Weights"] and len(figure.axes) == 1


def test_numbers_that_are_none_are_not_drawn(tmp_path):
    values = {"m0": None, "m1": float("nan"), "both": 2}
    tell(tmp_path, "x", 0, [WEIGHTS | {"values": values}])
    panels, _ = drawn(tmp_path)
    assert list(panels[0].series[0].points) == ["both"]


def test_rows_that_share_a_title_share_a_figure_if_only_by_a_third(tmp_path):
    def panel(title):
        return {"title": title, "unit": "", "values": {"m0": 1}}

    tell(tmp_path, "first", order=0, panels=[panel("A")])
    tell(tmp_path, "other", order=1, panels=[panel("C")])
    tell(tmp_path, "second", order=2, panels=[panel("B")])
    tell(tmp_path, "bridge", order=3, panels=[panel("A"), panel("B")])
    add(tmp_path, "silent", order=4)
    (table,) = collect(tmp_path)
    found = [[row.method for row in rows] for rows in learned.groups(table)]
    assert found == [["first", "second", "bridge"], ["other"]]
    assert learned.methods([table]) == ["first", "other", "second", "bridge"]


def test_one_title_in_two_units_is_two_panels(tmp_path):
    for width in (64, 128):
        panel = {"title": "Dimensions", "unit": f"of {width}", "values": {"m0": width / 2}}
        tell(tmp_path, "x", panels=[panel], settings={"width": width})
    panels, figure = drawn(tmp_path)
    assert [(p.unit, len(p.series)) for p in panels] == [("of 64", 1), ("of 128", 1)]
    assert [a.get_ylabel() for a in figure.axes] == ["of 64", "of 128"]


def test_configurations_of_a_method_stand_side_by_side(tmp_path):
    for alpha in (0.1, 0.2):
        full(tmp_path, "x", shift=alpha, settings={"alpha": alpha})
    _, figure = drawn(tmp_path)
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["x (alpha=0.1)", "x (alpha=0.2)"]
    means = [c.lines[0] for c in figure.axes[0].containers]
    assert [line.get_ydata()[0] for line in means[::3]] == pytest.approx([0.61, 0.71])
    assert means[0].get_xdata()[0] < 0 < means[3].get_xdata()[0]
    assert means[0].get_color() != means[3].get_color()


def test_one_row_is_named_in_the_title_and_has_no_legend(tmp_path):
    full(tmp_path, "x")
    _, figure = drawn(tmp_path)
    assert not figure.legends and figure._suptitle.get_text().endswith("what was learned by x")


def test_bars_and_ribbons_reach_one_sample_deviation(tmp_path):
    full(tmp_path, "x", seeds=3)
    _, figure = drawn(tmp_path)
    values, curve = figure.axes
    (segment,) = values.containers[0].lines[2][0].get_segments()
    assert [y for _, y in segment] == pytest.approx([0.50, 0.52])  # mean 0.51, std 0.01
    ribbon = curve.collections[0].get_paths()[0].vertices
    assert {round(y, 6) for x, y in ribbon if x == 0} == {5.0, 5.2}


def test_one_seed_has_no_spread_and_no_word_of_it(tmp_path):
    full(tmp_path, "x", seeds=1)
    _, figure = drawn(tmp_path)
    assert not figure.axes[1].collections and not figure._supxlabel.get_text()


def test_rows_with_one_curve_take_turns_along_it_and_the_figure_says_so(tmp_path):
    for order, (method, shift) in enumerate((("x", 0), ("y", 0), ("z", 1))):
        full(tmp_path, method, shift=shift, order=order)
    _, figure = drawn(tmp_path)
    first, second, apart = figure.axes[1].lines
    assert apart.get_linestyle() == "-" and first.get_linestyle() == second.get_linestyle() == "--"
    assert first._dash_pattern[1] == second._dash_pattern[1]
    assert first._dash_pattern[0] != second._dash_pattern[0]
    assert "take turns" in figure.legends[0].get_title().get_text()


def test_no_two_of_twenty_rows_look_alike(tmp_path):
    for i in range(20):
        full(tmp_path, f"method_{i}", seeds=1, shift=i, order=i)
    _, figure = drawn(tmp_path)
    handles = figure.legends[0].legend_handles
    looks = {(h.get_color(), h.get_marker(), h.get_linestyle()) for h in handles}
    assert len(looks) == 20


def ticks_shown(axes):
    """Labels of ticks within the limits: matplotlib keeps further ones that it does not draw."""
    (left, right), (low, high) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    names = [t for t in axes.get_xticklabels() if left <= t.get_position()[0] <= right]
    return names + [t for t in axes.get_yticklabels() if low <= t.get_position()[1] <= high]


@pytest.mark.parametrize("rows", [1, 2, 8, 20])
def test_nothing_collides_and_nothing_leaves_the_page(tmp_path, rows):
    for i in range(rows):
        full(tmp_path, f"a-method-of-some-length-{i}", seeds=2, shift=i / 10, order=i)
    (table,) = collect(tmp_path)
    panels = learned.panels(table.rows)
    figure = learned.draw(table, [*panels, *panels, panels[0]])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    names = [t for t in (figure._suptitle, figure._supxlabel) if t]
    names += [a.title for a in figure.axes] + [a.yaxis.label for a in figure.axes]
    names += [a.xaxis.label for a in figure.axes]
    names += [t for a in figure.axes for t in ticks_shown(a)]
    boxes = [t.get_window_extent(renderer) for t in names if t.get_text()]
    boxes += [one.get_window_extent(renderer) for one in figure.legends]
    inside = [b for b in boxes if b.width]
    hits = [(a, b) for i, a in enumerate(inside) for b in inside[:i] if a.overlaps(b)]
    assert len(inside) > 30 and not hits
    page = figure.bbox.padded(1)
    assert all(page.contains(*b.min) and page.contains(*b.max) for b in inside)


def test_the_numbers_beside_the_figure_are_the_drawn_ones(tmp_path):
    full(tmp_path, "x")
    paths = write_figures(collect(tmp_path), tmp_path / "out", kind="x")
    assert [p.name for p in paths] == ["learned-x.pdf", "learned-x.png", "learned-x.csv"]
    frame = pandas.read_csv(paths[2])
    value = frame[(frame["panel"] == "Weights") & (frame["name"] == "m0")].iloc[0]
    assert (value["mean"], value["std"], value["n"]) == pytest.approx((0.51, 0.01, 3))
    point = frame[frame["epoch"] == 0].iloc[0]
    assert point["stage"] == "first" and point["mean"] == pytest.approx(5.1)
    assert len(frame) == 6


def test_images_are_what_their_endings_say(tmp_path):
    full(tmp_path, "x")
    pdf, png, _ = write_figures(collect(tmp_path), tmp_path / "out", kind="x")
    assert pdf.read_bytes().startswith(b"%PDF")
    picture = matplotlib.image.imread(io.BytesIO(png.read_bytes()))
    assert picture.shape[1] == 1400 and picture[..., :3].std() > 0.02


def stems(paths):
    return list(dict.fromkeys(p.stem for p in paths))


def test_each_kind_draws_its_own_and_all_draws_everything(tmp_path):
    full(tmp_path, "x", order=0)
    full(tmp_path, "y", order=1)
    tables = collect(tmp_path)
    out = tmp_path / "out"
    assert stems(write_figures(tables, out, kind="accuracy")) == ["accuracy"]
    assert stems(write_figures(tables, out, kind="y")) == ["learned-y"]
    assert stems(write_figures(tables, out)) == ["accuracy", "learned-x"]


def test_each_data_set_has_a_figure_of_its_own(tmp_path):
    full(tmp_path, "x", dataset="one")
    full(tmp_path, "x", dataset="two")
    add(tmp_path, "y", dataset="three")
    paths = write_figures(collect(tmp_path), tmp_path / "out", kind="x")
    assert stems(paths) == ["learned-x-one-clean", "learned-x-two-clean"]


def test_a_kind_that_no_run_has_is_refused_with_those_there_are(tmp_path):
    full(tmp_path, "xyz")
    add(tmp_path, "silent")
    tables = collect(tmp_path)
    with pytest.raises(
        UserError, match=r"there is all, accuracy, curves, .*profile, xyz\. Did you .*'xyz'"
    ):
        write_figures(tables, tmp_path / "out", kind="xy")
    with pytest.raises(UserError, match="'silent' is not a figure"):
        write_figures(tables, tmp_path / "out", kind="silent")
    with pytest.raises(UserError, match="no numbers for the figure 'curves'"):
        write_figures(tables, tmp_path / "out", kind="curves")


def test_results_from_before_there_was_such_a_thing_are_read(tmp_path):
    add(tmp_path, "x")
    assert learned.groups(collect(tmp_path)[0]) == []


@pytest.mark.parametrize("panel", [{"title": "A"}, {"title": "A", "unit": ""}, 3])
def test_a_panel_that_lacks_something_is_refused_by_its_file(tmp_path, panel):
    tell(tmp_path, "x", panels=[panel])
    with pytest.raises(UserError, match=r"result\.json lacks what a report needs"):
        collect(tmp_path)


def test_plot_draws_the_kind_of_the_chosen_methods(tmp_path, capsys):
    for i, method in enumerate(("x", "x-off", "y")):
        full(tmp_path, method, order=i)
    words = ["plot", "--results", str(tmp_path), "--method", "x*", "--kind", "x"]
    assert main(words) == 0
    shown, said = capsys.readouterr()
    assert [line.rsplit("/", 1)[1] for line in shown.splitlines()][2] == "learned-x.csv"
    frame = pandas.read_csv(tmp_path / "figures" / "learned-x.csv")
    assert set(frame["method"]) == {"x", "x-off"} and said == ""
    assert main([*words[:-1], "y"]) == 2
