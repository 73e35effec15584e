"""LaTeX tables: escaped, balanced, as wide as they say."""

import re
import shutil
import subprocess

import pytest

from bench.report.tables.collect import collect
from bench.report.tables.display import BEST, SECOND, DisplayCell, DisplayColumn
from bench.report.tables.render import render
from bench.report.tables.writers.latex import cell
from tests.helpers.results import add, suite


def shown(results, protocols=("val",)):
    return render(collect(results), "latex", protocols)


def test_latex_escapes_what_is_special(tmp_path):
    add(tmp_path, "ogm_ge", title=r"50% & more_#{}$~^\ [x]", settings={"alpha": 0.5})
    add(tmp_path, "ogm_ge", title=r"50% & more_#{}$~^\ [x]", settings={"alpha": 0.6})
    text = shown(tmp_path)
    assert r"ogm\_ge (alpha=0.5)" in text and r"\texttt{toy}" in text
    assert (
        r"50\% \& more\_\#\{\}\$\textasciitilde{}\textasciicircum{}\textbackslash{} {[}x]" in text
    )


def test_latex_is_balanced_and_its_rows_are_as_wide_as_the_table(tmp_path):
    suite(tmp_path, methods=6, modalities=("m0", "m1", "m2"), seeds=2)
    text = shown(tmp_path, ("val", "last"))
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(.*?)\}", text):
        assert kind == "begin" or stack.pop() == name
        stack += [name] if kind == "begin" else []
    assert not stack
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}") and text.count("$") % 2 == 0
    (spec,) = re.findall(r"\\begin\{tabular\}\{(.*?)\}", text)
    rows = [r for r in text.splitlines() if r.endswith(r"\\")]
    assert len(rows) > 12 and {width(r) for r in rows} == {len(spec)}


def width(row):
    """Columns that a row of a LaTeX table covers."""
    spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", row)]
    return len(re.findall(r"(?<!\\)&", row)) + 1 + sum(n - 1 for n in spans)


def test_latex_marks_the_mean_of_the_best_and_of_the_second(tmp_path):
    for method, share in (("x", 0.7), ("y", 0.6)):
        for seed, step in enumerate((-0.01, 0.01)):
            add(tmp_path, method, seed, accuracy=share + step)
    text = shown(tmp_path)
    assert r"$\textbf{70.0} \pm 1.4$" in text and r"$\underline{60.0} \pm 1.4$" in text


def test_a_best_mean_below_zero_has_a_minus_not_a_hyphen():
    assert (
        cell(DisplayCell("-0.8", "1.4", mark=BEST), DisplayColumn("x"))
        == r"$\textbf{$-$0.8} \pm 1.4$"
    )
    assert cell(DisplayCell("-0.7", mark=SECOND), DisplayColumn("x")) == r"$\underline{-0.7}$"


def test_latex_rules_cover_the_modalities_columns(tmp_path):
    both = {"m0": 0.6, "m1": 0.5}
    add(tmp_path, "x", heads=both, probe=both)
    assert r"\cmidrule(lr){3-4} \cmidrule(lr){5-6}" in shown(tmp_path)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    suite(tmp_path, methods=6, seeds=2)
    body = shown(tmp_path, ("val", "last"))
    head = "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(head + body + "\\end{document}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_columns_that_a_page_cannot_hold_stand_below_in_parts_of_like_width(tmp_path):
    suite(tmp_path, methods=3, modalities=("m0", "m1", "m2", "m3"), seeds=2)
    text = shown(tmp_path, ("val", "last"))
    specs = re.findall(r"\\begin\{tabular\}\{l(.*?)\}", text)
    assert specs == ["rrrrr", "rrrrr"]
    assert text.count(r"\caption") == 1 and text.count(r"\toprule") == 2
    assert len(re.findall(r"^method\\_0 & ", text, re.M)) == 2
