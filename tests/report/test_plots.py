"""Figures: that they are made, hold the numbers of their tables, and collide nowhere."""

import io
from itertools import combinations
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pandas
import pytest

from bench.errors import UserError
from bench.report.figures import accuracy, cost, ranks
from bench.report.figures.curves import curves, draw
from bench.report.figures.style import WIDTH, image
from bench.report.quantities import ACCURACY, PROBE
from bench.report.stats.ranks import diagram
from bench.report.tables.collect import collect
from bench.report.tables.model import Column
from bench.report.write import write_all, write_figures
from tests.helpers.results import add, learning, suite

NAMES = {
    *("table.md", "table.tex", "table.html", "table.csv"),
    *("accuracy.pdf", "accuracy.png", "accuracy.csv", "curves.pdf", "curves.png", "curves.csv"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    suite(results, methods=3, seeds=3)
    tables = collect(results)
    return tables[0], write_all(tables, [], results / "out")


def test_everything_is_written_under_its_name_and_nothing_else(made):
    _, paths = made
    assert {p.name for p in paths} == NAMES
    assert {p.name for p in paths[0].parent.iterdir()} == NAMES | {"files.json"}
    assert all(p.stat().st_size > 200 for p in paths)


def test_images_are_what_their_endings_say(made):
    files = {p.name: p.read_bytes() for p in made[1]}
    for stem in ("accuracy", "curves"):
        assert files[f"{stem}.pdf"].startswith(b"%PDF")
        picture = matplotlib.image.imread(io.BytesIO(files[f"{stem}.png"]))
        assert picture.shape[1] == 200 * WIDTH and picture[..., :3].std() > 0.02


def test_the_numbers_beside_the_dots_are_the_tables(made):
    table, paths = made
    (file,) = [p for p in paths if p.name == "accuracy.csv"]
    frame = pandas.read_csv(file).set_index(["method", "column"])
    assert set(frame.index.get_level_values(1)) == {"accuracy", "m0 probe", "m1 probe"}
    for row in table.rows:
        for column in (Column("val", ACCURACY), Column("val", PROBE, "m0")):
            mean = row.cell(column).mean
            line = frame.loc[(row.method, column.name)]
            assert line["mean"] == pytest.approx(mean) if mean is not None else line["n"] == 0


def test_the_dots_stand_at_the_means(made):
    table, _ = made
    panel = accuracy.draw(table, "val").axes[1]
    drawn = [c.lines[0].get_xdata()[0] for c in panel.containers]
    column = Column("val", PROBE, "m0")
    assert drawn == [100 * r.cell(column).mean for r in table.rows if r.cell(column).values]


def test_a_line_marks_the_modality_alone(made):
    table, _ = made
    row = next(r for r in table.rows if r.alone == "m1")
    dashed = [line for line in accuracy.draw(table, "val").axes[2].lines if line.get_ls() == "--"]
    share = row.cell(Column("val", PROBE, "m1")).mean
    assert [list(line.get_xdata()) for line in dashed] == [[100 * share, 100 * share]]


def test_the_numbers_beside_the_curves_are_means_over_seeds(made):
    table, paths = made
    (file,) = [p for p in paths if p.name == "curves.csv"]
    frame = pandas.read_csv(file).set_index(["method", "modality", "epoch"])
    row = next(r for r in table.rows if r.method == "method_1")
    shares = [r.directory.rows()[7]["val_unimodal"]["m1"] for r in row.runs]
    assert frame.loc[("method_1", "m1", 7), "mean"] == pytest.approx(sum(shares) / 3)
    assert frame.loc[("method_1", "m1", 7), "n"] == 3


def test_curves_of_shares_of_the_fused_logits_have_a_dagger(made):
    table, _ = made  # method_0 is the one without heads of its own
    figure = draw(table, curves(table))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["ensemble", "method_0 †", "method_1", "method_2"]
    assert any("† share of the fused logits" in t.get_text() for t in figure.texts)


def test_the_same_table_gives_the_same_bytes(made):
    table, _ = made
    for form in ("pdf", "png"):
        once, again = (image(accuracy.draw(table, "val"), form) for _ in range(2))
        assert once == again and b"CreationDate" not in once


def test_a_modality_is_read_from_the_first_stage_that_scores_it(tmp_path):
    log = [
        {"stage": "warm", "epoch": 0},
        *learning({"m0": 0.9}, epochs=2, stage="first"),
        *learning({"m1": 0.8}, epochs=3, stage="second"),
        *learning({"m0": 0.1, "m1": 0.1}, epochs=4, stage="fusion"),
    ]
    add(tmp_path, "x", log=log)
    found = {c.modality: c for c in curves(collect(tmp_path)[0])}
    assert (found["m0"].stage, list(found["m0"].points)) == ("first", [0, 1])
    assert (found["m1"].stage, list(found["m1"].points)) == ("second", [0, 1, 2])


def test_epochs_of_stages_of_one_kind_count_on(tmp_path):
    log = [
        *learning({"m0": 0.7}, epochs=2, stage="turn-0"),
        {"stage": "rest-0", "epoch": 0},
        *learning({"m0": 0.9}, epochs=2, stage="turn-1"),
        *learning({"m0": 0.1}, epochs=1, stage="fusion"),
    ]
    add(tmp_path, "y", log=[*log[:2], *learning({"m0": 0.9}, stage="turn1")])
    (named,) = curves(collect(tmp_path)[0])
    assert named.stage == "turn" and list(named.points) == [0, 1]  # a name with a number is a name
    add(tmp_path / "turns", "x", log=log)
    (curve,) = curves(collect(tmp_path / "turns")[0])
    assert curve.stage == "turn" and list(curve.points) == [0, 1, 2, 3]
    scored = [row["val_unimodal"]["m0"] for row in log if "val_unimodal" in row][:4]
    assert [cell.mean for cell in curve.points.values()] == scored


def test_a_mean_never_changes_its_seeds_on_the_way(tmp_path):
    for seed, epochs in enumerate((3, 5)):
        add(tmp_path, "x", seed, log=learning({"m0": 0.9}, epochs=epochs))
    (curve,) = curves(collect(tmp_path)[0])
    assert list(curve.points) == [0, 1, 2]
    assert all(len(cell.values) == 2 for cell in curve.points.values())


def test_several_tables_have_figures_of_their_own(tmp_path):
    log = learning({"m0": 0.9})
    add(tmp_path, "x", log=log)
    add(tmp_path, "x", dataset="other", log=log)
    names = {p.name for p in write_all(collect(tmp_path), [], tmp_path / "out")}
    assert {"accuracy-toy-clean.pdf", "curves-other-clean.png", "table.md"} <= names
    text = (tmp_path / "out" / "table.md").read_text()
    assert text.count("### ") == 2


def test_what_an_earlier_call_wrote_and_this_one_does_not_is_removed(tmp_path):
    add(tmp_path, "x", log=learning({"m0": 0.9}))
    out = tmp_path / "out"
    before = {p.name for p in write_all(collect(tmp_path), [], out)}
    (out / "accuracy-mine.png").write_text("the user's")
    add(tmp_path, "x", dataset="other")
    now = {p.name for p in write_all(collect(tmp_path), [], out)}
    assert "accuracy.png" in before - now
    assert {p.name for p in out.iterdir()} == now | {"accuracy-mine.png", "files.json"}


def test_a_figure_that_would_be_empty_is_left_out_and_said(tmp_path, caplog):
    add(tmp_path, "x", accuracy={"last": 0.5}, data={"split": "literature"})
    assert write_figures(collect(tmp_path), tmp_path / "out") == []
    assert "no run has protocol val" in caplog.text and "no log holds" in caplog.text


def test_the_first_protocol_that_there_is_is_drawn(tmp_path):
    add(tmp_path, "x", accuracy={"last": 0.5}, data={"split": "literature"})
    paths = write_figures(collect(tmp_path), tmp_path / "out", ("val", "last"))
    assert set(pandas.read_csv(paths[2])["protocol"]) == {"last"}


def test_an_unknown_protocol_is_refused_before_anything_is_written(tmp_path):
    add(tmp_path, "x")
    with pytest.raises(UserError, match="'best' is not a protocol"):
        write_all(collect(tmp_path), [], tmp_path / "out", ("best",))
    assert not list((tmp_path / "out").glob("*"))


def test_the_numbers_of_an_axis_of_fifty_ranks_lie_apart():
    scores = np.random.default_rng(0).random((1, 10)) + np.arange(50)[:, None]
    figure = ranks.draw(diagram(scores, [f"method {i}" for i in range(50)]), "val", ["one"] * 10)
    figure.draw_without_rendering()
    numbers = [t for t in figure.axes[0].texts if t.get_text().isdigit()]
    boxes = [t.get_window_extent().padded(2) for t in numbers]
    assert len(boxes) > 5
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_among_many_rows_a_modality_alone_that_is_far_below_gives_its_room_to_them():
    def point(accuracy, alone=""):
        return SimpleNamespace(
            accuracy=SimpleNamespace(mean=accuracy), row=SimpleNamespace(alone=alone)
        )

    weak, near = point(0.3, "left"), point(0.65, "right")
    rows = [point(0.7 + 0.01 * i) for i in range(cost.CROWD)]
    assert cost.far_below([weak, near, *rows]) == [weak]
    assert cost.far_below([weak, near, *rows[1:]]) == []
