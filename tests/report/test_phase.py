"""The figure of what methods make of data as one of its numbers varies."""

import json

import pandas
import pytest

from bench.report import figures
from bench.report.figures import phase
from bench.report.figures.series import LeftOut
from bench.report.tables.collect import collect
from tests.helpers.results import add

SPEEDS = (0.5, 0.1, 1.0)  # in any order


def accuracy(method, speed, seed):
    return (0.9 if method == "calm" else 0.5 + 0.3 * speed) + 0.01 * seed


def runs(results, best=None):
    for speed in SPEEDS:
        for seed in (0, 1):
            common = {"data": {"speed": {"m1": str(speed)}}, "seed": seed, "best": best}
            alone = {"accuracy": 0.6, "probe": {"m1": 0.6}, "modalities": ("m1",)}
            add(results, "unimodal-m1", **alone, **common)
            for method in ("calm", "hasty"):
                shown = accuracy(method, speed, seed)
                probes = {"m0": 0.7, "m1": shown / 2}
                heads = {m: p / 2 for m, p in probes.items()}
                add(results, method, accuracy=shown, heads=heads, probe=probes, **common)
    return collect(results)


def drawn(tables):
    (one,) = figures.drawings(tables, kind="phase")
    return one, pandas.DataFrame(one.lines)


def test_a_point_is_the_mean_at_a_value_of_the_setting(tmp_path):
    _, lines = drawn(runs(tmp_path)[::-1])
    hasty = lines.query("method == 'hasty' and modality == ''")
    assert hasty["value"].tolist() == sorted(SPEEDS)
    assert set(lines["setting"]) == {"speed.m1"}
    for _, line in hasty.iterrows():
        means = [accuracy("hasty", line["value"], seed) for seed in (0, 1)]
        assert line["mean"] == pytest.approx(sum(means) / 2)
    inner = lines.query("method == 'hasty' and quantity == 'probe' and modality == 'm1'")
    assert inner["mean"].to_numpy() == pytest.approx(hasty["mean"].to_numpy() / 2)


def test_a_panel_draws_the_answer_and_beside_it_each_modality_alone(tmp_path):
    one, lines = drawn(runs(tmp_path))
    (panel,) = [a for a in one.figure.axes if a.get_title(loc="left") == "hasty"]
    (black,) = [x for x in panel.lines if x.get_color() == "#000000"]
    hasty = lines.query("method == 'hasty' and modality == ''")
    assert black.get_ydata() == pytest.approx(100 * hasty["mean"].to_numpy())
    (dashed,) = [x for x in panel.lines if x.get_ls() == "--"]
    assert list(dashed.get_ydata()) == pytest.approx([60.0] * 3)
    dotted = [x.get_ydata() for x in panel.lines if x.get_ls() == ":"]
    assert dotted[0] == pytest.approx([35.0] * 3)
    assert dotted[1] == pytest.approx(25 * hasty["mean"].to_numpy())
    assert {a.get_title(loc="left") for a in one.figure.axes} == {"calm", "hasty"}


def test_where_the_best_is_known_shares_of_it_are_drawn(tmp_path):
    best = {("m0",): 0.8, ("m1",): 0.8, ("m0", "m1"): 0.9}
    _, lines = drawn(runs(tmp_path, best))
    calm = lines.query("method == 'calm' and modality == ''")
    assert set(calm["quantity"]) == {"attained"}
    assert calm["mean"].to_numpy() == pytest.approx((0.905 - 0.1) / (0.9 - 0.1))
    inner = lines.query("method == 'calm' and quantity == 'attained_probe' and modality == 'm0'")
    assert inner["mean"].to_numpy() == pytest.approx((0.7 - 0.1) / (0.8 - 0.1))


@pytest.mark.parametrize("values", [(1.0, 0.5), ("low", "middle", "high")])
def test_too_few_values_and_words_are_left_out(tmp_path, values):
    for value in values:
        add(tmp_path, "calm", data={"speed": {"m1": str(value)}})
    with pytest.raises(LeftOut, match="differ in one number alone"):
        phase.phases(collect(tmp_path))


def test_the_heading_says_what_all_have_and_over_what(tmp_path):
    for speed in SPEEDS:
        run = add(tmp_path, "calm", data={"speed": {"m1": str(speed)}})
        result = json.loads(run.result.read_text())
        result["split"]["name"] = f"calm sea, m1 speed {speed}"
        run.result.write_text(json.dumps(result))
    tables = collect(tmp_path)
    assert [t.name for t in tables] == [f"calm sea, m1 speed {s}" for s in sorted(SPEEDS)]
    one, _ = drawn(tables)
    assert one.figure.texts[0].get_text().startswith("Toy data, calm sea, speed.m1 from 0.1 to 1,")
