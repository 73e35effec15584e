"""Ablation tables: paired differences, what has which component, and what is said of them."""

import io
import re
import shutil
import subprocess

import pandas
import pytest
import scipy.stats

from bench.__main__ import main
from bench.errors import UserError
from bench.report.quantities import ACCURACY
from bench.report.tables.ablation import collect, render
from bench.report.tables.captions import DASH
from bench.report.tables.collect import collect as collect_tables
from bench.report.tables.model import Column
from bench.report.tables.render import FORMATS
from bench.report.write import write_all
from bench.runs import manifest
from bench.suites import read
from tests.helpers.results import add

ACC = Column("val", ACCURACY)
PARTS = {
    "full": "all",
    "components": {"big head": ["no-head", "bare"], "loss_2": ["no-loss", "bare"], "T": ["bare"]},
    "groups": {"Whole": ["all"], "One off": ["no-head", "no-loss"], "Bare": ["bare"]},
}
SHARES = {  # seed by seed
    "all": (0.80, 0.82, 0.84),
    "no-head": (0.70, 0.73, 0.74),
    "no-loss": (0.81, 0.81, 0.845),
    "bare": (0.90, 0.94, 0.95),
}


def results(folder, shares=SHARES, parts=PARTS, **options):
    """Runs of the methods in `shares` and the manifest of a suite that wants three seeds."""
    runs = []
    for method, values in shares.items():
        for seed, share in enumerate(values):
            runs.append(add(folder, method, seed, accuracy=share or 0.5, **options))
            if share is None:
                runs[-1].result.unlink()
    manifest.write(folder, "mine", runs, parts)
    return collect(collect_tables(folder, runs), parts, runs)


def cells(text, label):
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {label} ")]
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


def closing(made):
    return render(made, "md").rstrip().splitlines()[-1]


def test_the_interval_is_that_of_a_paired_t_test(tmp_path):
    (made,) = results(tmp_path)
    for method in ("no-head", "no-loss", "bare"):
        paired = scipy.stats.ttest_rel(SHARES[method], SHARES["all"])
        expected = paired.confidence_interval(0.95)
        found = made.difference(method, ACC).interval
        assert found == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_seeds_are_paired_by_their_number_not_by_their_place(tmp_path):
    (made,) = results(tmp_path, SHARES | {"bare": (None, 0.94, 0.95)})
    found = made.difference("bare", ACC).values
    assert set(found) == {1, 2} and found[1] == pytest.approx(0.12)


def test_one_common_seed_has_a_difference_but_no_interval(tmp_path):
    made = results(tmp_path, SHARES | {"bare": (None, 0.94, None)})
    assert cells(render(made, "md"), "bare")[-1] == "+12.0"
    assert "(n=1)" in cells(render(made, "md"), "bare")[-2]
    assert closing(made) == (
        "- Fewer than two seeds in common, so nothing is said: big head + loss_2 + T (`bare`)."
    )


def test_the_same_difference_in_all_seeds_is_known_to_a_sample(tmp_path):
    shares = {"all": (0.5, 0.6, 0.7), "no-head": (0.4, 0.5, 0.6)}
    made = results(tmp_path, shares)
    assert cells(render(made, "md"), "no-head")[-1] == "-10.0 [-11.2, -8.8]"
    assert closing(made) == "- With 3 seeds, removing big head (`no-head`) lowers accuracy."


def test_no_zero_has_a_sign(tmp_path):
    shares = {"all": (0.5, 0.6, 0.7), "no-head": (0.4996, 0.5999, 0.6996)}
    text = render(results(tmp_path, shares), "md")
    assert cells(text, "no-head")[-1].startswith("0.0 [") and not re.search(r"[+-]0\.0\b", text)


def test_scatter_of_another_order_is_warned_of(tmp_path):
    shares = {"all": (0.5, 0.501, 0.499), "no-head": (0.4, 0.8, 0.3)}
    made = results(tmp_path, shares)
    assert "Scatter of another order than that of `all`" in render(made, "md")
    assert closing(made).endswith("allow for it: `no-head`.")


def test_more_rows_resolve_less(tmp_path):
    """The intervals stay each row's own; what is claimed is corrected for their number."""
    shares = {"all": (0.80, 0.82, 0.84), "bare": (0.83, 0.86, 0.90)}
    alone = results(tmp_path / "alone", shares)
    assert "`bare`) raises accuracy" in closing(alone)
    rows = [f"row{i}" for i in range(9)]
    parts = PARTS | {"groups": PARTS["groups"] | {"Others": rows}}
    crowd = results(tmp_path / "crowd", shares | dict.fromkeys(rows, (0.79, 0.85, 0.83)), parts)
    assert "no difference is resolved" in closing(crowd)
    of = [cells(render(made, "md"), "bare")[-1] for made in (alone, crowd)]
    assert of[0] == of[1] == "+4.3 [+0.5, +8.1]"


def test_rows_stand_in_the_groups_order_with_marks_for_what_they_have(tmp_path):
    text = render(results(tmp_path), "md")
    places = [text.index(s) for s in ("| **Whole**", "| all", "| **One off**", "| no-head", "bare")]
    assert places == sorted(places)
    assert cells(text, "Method")[:3] == ["big head", "loss_2", "T"]
    assert cells(text, "all")[:3] == ["✓", "✓", "✓"]
    assert cells(text, "no-head")[:3] == ["", "✓", "✓"] and cells(text, "bare")[:3] == [""] * 3


def test_a_cell_shows_accuracy_and_difference_in_points(tmp_path):
    text = render(results(tmp_path), "md")
    assert cells(text, "all")[3:] == ["82.0 ± 2.0", DASH]
    assert cells(text, "no-head")[3:] == ["72.3 ± 2.1", "-9.7 [-11.1, -8.2]"]


def test_the_last_sentence_says_what_the_seeds_resolve(tmp_path):
    assert closing(results(tmp_path)) == (
        "- With 3 seeds, removing big head (`no-head`) lowers accuracy; removing big head + loss_2 "
        "+ T (`bare`) raises accuracy; the effect of removing loss_2 (`no-loss`) is not resolved."
    )


def test_many_components_at_once_are_counted(tmp_path):
    more = {f"c{i}": ["bare"] for i in range(4)}
    parts = PARTS | {"components": PARTS["components"] | more}
    assert "removing 7 components at once (`bare`) raises" in closing(
        results(tmp_path, parts=parts)
    )


def test_where_nothing_is_resolved_that_is_all_it_says(tmp_path):
    made = results(tmp_path, {m: SHARES[m] for m in ("all", "no-loss")})
    assert closing(made) == "- With 3 seeds, no difference is resolved."


def test_the_footnote_says_how_differences_were_made(tmp_path):
    text = render(results(tmp_path), "md")
    for words in ("`all` in percentage points", "paired by seed (n = 3)", "95 % t interval"):
        assert words in text
    assert "corrected for the number of rows (Holm), so that an interval may leave 0 out" in text


def test_a_row_without_a_finished_run_has_dashes_and_is_named(tmp_path):
    made = results(tmp_path, SHARES | {"no-loss": (None, None, None)})
    text = render(made, "md")
    assert cells(text, "no-loss") == ["✓", "", "✓", DASH, DASH]
    assert "No finished run yet: `no-loss`." in text and "no-loss" not in closing(made)


def test_without_the_whole_method_there_are_no_differences(tmp_path):
    made = results(tmp_path, SHARES | {"all": (None, None, None)})
    text = render(made, "md")
    assert cells(text, "bare")[-2:] == ["93.0 ± 2.6", DASH] and "With " not in closing(made)
    assert "No finished run yet: `all`." in text


def test_rows_on_other_data_are_not_compared(tmp_path):
    runs = [add(tmp_path, m, s, accuracy=0.5) for m in ("all", "no-head") for s in (0, 1)]
    runs += [add(tmp_path, "bare", s, accuracy=0.9, data_hash="e" * 64) for s in (0, 1)]
    (made,) = collect(collect_tables(tmp_path, runs), PARTS, runs)
    assert made.difference("bare", ACC).values == {}
    assert len(made.difference("no-head", ACC).values) == 2


def test_the_manifests_first_configuration_counts(tmp_path):
    runs = [add(tmp_path, "all", s, accuracy=0.5) for s in (0, 1)]
    # The table shows 0.1 before 0.3; the manifest has them the other way round.
    for alpha, share in ((0.3, 0.7), (0.1, 0.2)):
        runs += [
            add(tmp_path, "bare", s, accuracy=share, settings={"alpha": alpha}) for s in (0, 1)
        ]
    (made,) = collect(collect_tables(tmp_path, runs), PARTS, runs)
    assert made.difference("bare", ACC).mean == pytest.approx(0.2)
    assert len(made.table.rows) == 2


@pytest.mark.parametrize("form", FORMATS)
def test_a_name_that_yaml_takes_for_something_else_is_shown(tmp_path, form):
    parts = PARTS | {"groups": {False: ["all"], 1: ["bare"]}, "components": {True: ["bare"]}}
    text = render(results(tmp_path, parts=parts), form)
    assert "False" in text and "True" in text


def test_no_footnote_speaks_of_columns_that_are_not_shown(tmp_path):
    made = results(tmp_path, heads={"m0": 0.4}, probe={"m0": 0.3})
    assert "probe" not in render(made, "md") and "`head`" not in render(made, "md")


def test_each_table_with_such_rows_has_an_ablation(tmp_path):
    runs = [
        add(tmp_path, m, dataset=d, accuracy=0.5) for d in ("one", "two") for m in ("all", "bare")
    ]
    runs.append(add(tmp_path, "other", dataset="three"))
    made = collect(collect_tables(tmp_path, runs), PARTS, runs)
    assert [a.table.dataset for a in made] == ["one", "two"]
    assert render(made, "md").count("### Ablation of `all`") == 2


def test_a_plain_suite_has_none(tmp_path):
    assert results(tmp_path, parts={}) == []
    paths = write_all(collect_tables(tmp_path), [], tmp_path / "none")
    assert not any(p.stem == "ablation" for p in paths)


def test_the_first_protocol_is_the_one_compared(tmp_path):
    runs = [
        add(tmp_path, m, s, accuracy={"val": 0.5, "last": last + s / 100})
        for m, last in (("all", 0.4), ("bare", 0.3))
        for s in (0, 1)
    ]
    made = collect(collect_tables(tmp_path, runs), PARTS, runs)
    assert cells(render(made, "md", ("last", "val")), "bare")[-2:] == [
        "30.5 ± 0.7",
        "-10.0 [-14.5, -5.5]",
    ]
    assert cells(render(made, "md"), "bare")[-2:] == ["50.0 ± 0.0", "0.0 [-4.5, +4.5]"]


def test_csv_holds_shares_at_full_precision(tmp_path):
    made = results(tmp_path, SHARES | {"no-loss": (None, None, None)})
    frame = pandas.read_csv(io.StringIO(render(made, "csv"))).set_index("method")
    bare = frame.loc["bare"]
    assert bare["difference"] == pytest.approx(0.11, rel=1e-12) and bare["pairs"] == 3
    assert (bare["low"], bare["high"]) == made[0].difference("bare", ACC).interval
    assert list(frame["has loss_2"]) == [1, 1, 0, 0] and bare["group"] == "Bare"
    assert bare["p_holm"] >= bare["p"] and bare["verdict"] == "better"
    assert pandas.isna(frame.loc["all"]["difference"]) and pandas.isna(frame.loc["all"]["verdict"])
    assert frame.loc["no-loss"]["n"] == 0 and pandas.isna(frame.loc["no-loss"]["mean"])


def test_an_unknown_form_or_protocol_is_refused(tmp_path):
    made = results(tmp_path)
    for form, protocols in (("xml", ("val",)), ("md", ("lost",))):
        with pytest.raises(UserError, match=r"'(xml|lost)' is not a (format|protocol)"):
            render(made, form, protocols)


def test_latex_rows_are_as_wide_as_the_table(tmp_path):
    text = render(results(tmp_path), "latex")
    (spec,) = re.findall(r"\\begin\{tabular\}\{(.*?)\}", text)
    rows = [r for r in text.splitlines() if re.match(r"(Method|all|bare|no-)", r)]
    assert len(rows) == 5 and {r.count("&") + 1 for r in rows} == {len(spec)} == {6}
    assert r"bare &  &  &  & $93.0 \pm 2.6$ & $+$11.0 {[}$+$8.5, $+$13.5] \\" in text
    assert (
        r"\shortstack[c]{big\strut\\head\strut} & loss\_2 &" in text and r"\checkmark" not in text
    )


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    made = results(tmp_path, SHARES | {"no-loss": (None, None, None)})
    head = "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(head + render(made, "latex") + "\\end{document}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_files_are_named_and_hold_what_is_rendered(tmp_path):
    made = results(tmp_path)
    paths = write_all(collect_tables(tmp_path), made, tmp_path / "out")
    paths = [p for p in paths if p.stem == "ablation"]
    assert [p.name for p in paths] == [f"ablation.{e}" for e in ("md", "tex", "html", "csv")]
    texts = [render(made, form) for form in FORMATS]
    assert [p.read_text() for p in paths] == texts


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ((), 1),
        (("--format", "latex"), 1),
        (("--format", "html"), 1),
        (("--format", "csv"), 0),
        (("--method", "all,bare"), 0),
    ],
)
def test_table_prints_a_suites_ablation_below_its_tables(tmp_path, capsys, words, count):
    results(tmp_path)
    assert main(["table", "mine", "--results", str(tmp_path), *words]) == 0
    shown, said = capsys.readouterr()
    assert shown.count("Ablation of") == count and said == ""
    assert shown.index("Toy data") < shown.index("Ablation of") if count else True


def test_the_shipped_ablation_calls_only_the_whole_method_complete():
    parts = read("ablation").ablation
    shown = [m for members in parts["groups"].values() for m in members]
    lacking = {m for without in parts["components"].values() for m in without}
    assert len(set(shown)) == len(shown) and set(shown) - lacking == {parts["full"]}
