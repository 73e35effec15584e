"""Marks against a baseline: one family of comparisons, and no win that the seeds do not resolve."""

import io
import re

import pandas
import pytest

from bench.errors import UserError
from bench.report.frame import frame
from bench.report.quantities import ACCURACY
from bench.report.stats.paired import paired
from bench.report.stats.verdicts import Verdict, judge
from bench.report.tables.collect import collect
from bench.report.tables.marks import SIGNS, judged
from bench.report.tables.model import Column
from bench.report.tables.numbers import Numbers
from bench.report.tables.render import render
from tests.helpers.results import COUNTS, add

SCATTER = (0.0, 0.004, -0.003, 0.002, -0.001)
SHARES = {  # method -> accuracies of five seeds, each with a scatter of its own
    "base": [0.70, 0.71, 0.70, 0.72, 0.71],
    "up": [0.80 + s for s in SCATTER],
    "down": [0.60 - s for s in SCATTER],
    "same": [0.701, 0.710, 0.701, 0.720, 0.711],
    "open": [0.75, 0.69, 0.77, 0.70, 0.73],
}


def results(folder, shares=SHARES, **options):
    for order, (method, values) in enumerate(shares.items()):
        for seed, a in enumerate(values):
            add(folder, method, seed, accuracy=a, order=order, **options)
    return collect(folder)


def signs(text):
    """Method -> the mark of its accuracy, in Markdown."""
    rows = (line.split("|") for line in text.splitlines() if line.startswith("| "))
    cells = {row[1].strip(): row[2] for row in rows}
    return {m: "".join(s for s in SIGNS.values() if s in cells[m]) for m in SHARES if m in cells}


def test_each_verdict_has_its_mark_and_the_baseline_none(tmp_path):
    text = render(results(tmp_path), "md", baseline="base")
    assert signs(text) == {"base": "", "up": "▲", "down": "▼", "same": "≈", "open": "∘"}


def test_over_folds_marks_and_captions_speak_of_them(tmp_path):
    for fold, shift in enumerate((0.1, 0.12, 0.11)):
        for seed in (0, 1):
            for order, share in enumerate((0.7, 0.7 + shift, 0.7 - 0.2 * (fold - 1))):
                method, add_up = ("base", "up", "open")[order], 0.01 * (fold + seed)
                options = {"order": order, "data": {"fold": fold}}
                digests = {p: f"{p}{fold}" for p in COUNTS}
                add(tmp_path, method, seed, accuracy=share + add_up, digests=digests, **options)
    tables = collect(tmp_path)
    text = render(tables, "md", baseline="base")
    assert signs(text) == {"base": "", "up": "▲", "open": "∘"}
    assert "over seeds 0, 1 of folds 0 to 2; each fold is another split of the same data" in text
    assert "fold 1 train 600 (`train1`), val 200 (`val1`), test 200 (`test1`); fold 2" in text
    assert "Paired t test over folds, each with" in text and "with 3 folds, which is no win" in text
    assert "As the folds scatter, a difference marked ∘" in text
    line = next(one for one in render(tables, "csv").splitlines() if ",base," in one)
    assert ",6,0/0 0/1 1/0 1/1 2/0 2/1," in line
    for form in ("latex", "html"):
        assert "of folds 0 to 2" in render(tables, form)
    rows = frame(tables, ("val",), ["accuracy"])
    assert sorted(set(rows.seed)) == [0, 1] and len(set(rows.digest)) == 9


def test_without_a_baseline_there_is_no_mark(tmp_path):
    text = render(results(tmp_path), "md")
    assert not any(sign in text for sign in SIGNS.values())


def test_verdicts_are_those_of_one_family(tmp_path):
    (table,) = results(tmp_path)
    column = Column("val", ACCURACY)
    found = judged(Numbers(table), [column], "base").judgements
    values = {m: dict(enumerate(v)) for m, v in SHARES.items()}
    grain = 1 / COUNTS["test"]
    expected = judge([paired(values[m], values["base"], grain) for m in list(SHARES)[1:]])
    assert [found[i, column].adjusted for i in range(1, 5)] == pytest.approx(
        [one.adjusted for one in expected]
    )


def test_more_rows_make_a_win_harder(tmp_path):
    base = SHARES["base"]
    gains = (0.004, 0.02, 0.009, 0.026, 0.016)  # p near 0.02: alone a win, among ten none
    close = {"base": base, "up": [b + g for b, g in zip(base, gains, strict=True)]}
    assert signs(render(results(tmp_path / "few", close), "md", baseline="base"))["up"] == "▲"
    crowd = close | {f"other{i}": SHARES["open"] for i in range(9)}
    assert signs(render(results(tmp_path / "many", crowd), "md", baseline="base"))["up"] == "∘"


def test_the_footnote_says_test_level_family_and_what_could_be_resolved(tmp_path):
    text = render(results(tmp_path), "md", baseline="base")
    note = next(line for line in text.splitlines() if line.startswith("- Against"))
    for words in (
        "Against `base` (accuracy): ▲ better; ▼ worse; ≈ equivalent (less than one point apart "
        "on this test set); ∘ not resolved with 5 seeds, which is no win.",
        "Paired t test over seeds, level 0.05 after Holm over the table's 4 comparisons; "
        "equivalence by two one-sided tests, corrected likewise.",
    ):
        assert words in note
    (table,) = collect(tmp_path)
    least = judged(Numbers(table), [Column("val", ACCURACY)], "base").judgements[
        4, Column("val", ACCURACY)
    ]
    assert f"would have to be {100 * least.resolvable:.1f} points to be resolved." in note


def test_the_footnote_says_which_verdicts_would_bear_skewed_differences(tmp_path):
    some = {m: SHARES[m] for m in ("base", "up", "same")}
    gains = (0.03, 0.02, 0.03, 0.01, 0.02)
    slight = {"slight": [b + g for b, g in zip(SHARES["base"], gains, strict=True)]}
    text = render(results(tmp_path, some | slight), "md", baseline="base")
    assert "as skewed as a lognormal with sigma 1: `up`." in text and "another order" not in text
    html = render(collect(tmp_path), "html", baseline="base")
    assert re.search(r"against base: better, p [\d.e-]+ after Holm, [\d.e-]+ if skewed", html)


def test_scatter_of_another_order_is_warned_of_in_every_format(tmp_path):
    tables = results(tmp_path, SHARES | {"wild": [0.9, 0.6, 0.95, 0.8, 0.75]})
    for form in ("md", "latex", "html"):
        text = re.sub(r"</?code>|\\texttt|[{}`]", "", render(tables, form, baseline="base"))
        assert "Scatter of another order than that of base" in text
        assert re.search(r"judged as such: (up, down, )?(open, )?wild\.", text)


def test_one_seed_is_never_a_win(tmp_path):
    text = render(results(tmp_path, {"base": [0.5], "up": [0.9]}), "md", baseline="base")
    assert signs(text)["up"] == "∘" and "▲" not in text


def test_lower_is_better_where_the_quantity_says_so(tmp_path):
    for seed, s in enumerate(SCATTER):
        add(tmp_path, "alone", seed, accuracy=0.9 + s, probe={"m0": 0.9})
        add(tmp_path, "base", seed, accuracy=0.7, probe={"m0": 0.5 + s, "m1": 0.3})
        add(tmp_path, "up", seed, accuracy=0.7, probe={"m0": 0.7 - s, "m1": 0.3})
    text = render(collect(tmp_path), "md", columns=("under_training",), baseline="base")
    row = next(line for line in text.splitlines() if line.startswith("| up "))
    assert "▲" in row and "Against `base` (`under_training`)" in text


def test_the_first_quantity_alone_is_compared_under_every_protocol(tmp_path):
    for method, base in (("base", 0.5), ("up", 0.6)):
        for seed, s in enumerate(SCATTER):
            accuracy = {"val": base + s * base, "last": base - s * base}
            add(tmp_path, method, seed, accuracy=accuracy, heads={"m0": base + s * base})
    (table,) = collect(tmp_path)
    text = render([table], "md", ("val", "last"), baseline="base")
    row = next(line for line in text.splitlines() if line.startswith("| up "))
    assert row.count("▲") == 2 and "the table's 2 comparisons" in text
    heads = render([table], "md", columns=("head", "accuracy"), baseline="base")
    row = next(line for line in heads.splitlines() if line.startswith("| up "))
    assert row.count("▲") == 1 and row.index("▲") < row.index("|", row.index("60."))


def test_rows_on_other_data_are_not_compared(tmp_path):
    results(tmp_path, {"base": SHARES["base"]})
    results(tmp_path, {"up": SHARES["up"]}, data_hash="e" * 64)
    text = render(collect(tmp_path), "md", baseline="base")
    assert "▲" not in text
    assert "Nothing is compared with `base`: no other row has the same data" in text


def test_a_baseline_that_nobody_has_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'bse' is not a method .* Did you mean 'base'"):
        render(results(tmp_path), "md", baseline="bse")


def test_a_baseline_of_two_configurations_has_to_be_told_apart(tmp_path):
    for alpha in (0.1, 0.2):
        add(tmp_path, "base", accuracy=0.5, settings={"alpha": alpha})
    with pytest.raises(UserError, match=r"'base' names 2 configurations"):
        render(collect(tmp_path), "md", baseline="base")


def test_latex_html_and_csv_say_the_same(tmp_path):
    tables = results(tmp_path)
    latex = render(tables, "latex", baseline="base")
    assert all(
        f"\\{name}" in latex for name in ("bigtriangleup", "bigtriangledown", "approx", "circ")
    )
    html = render(tables, "html", baseline="base")
    assert "<sup>&#9650;</sup>" in html and 'title="against base: better, p ' in html
    frame = pandas.read_csv(io.StringIO(render(tables, "csv", baseline="base")))
    frame = frame[frame["column"] == "accuracy"].set_index("method")
    assert frame.loc["up"]["verdict"] == Verdict.BETTER
    assert frame.loc["open"]["verdict"] == Verdict.NOT_RESOLVED
    assert pandas.isna(frame.loc["base"]["verdict"])
    assert (frame["p_holm"].dropna() >= frame["p"].dropna()).all()
