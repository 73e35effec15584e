"""Others' numbers beside ours: read with care, shown as ranges, set apart, never marked."""

import io

import pandas
import pytest

from bench import datasets, methods
from bench.__main__ import main
from bench.errors import UserError
from bench.report.tables import published
from bench.report.tables.collect import collect
from bench.report.tables.render import render
from tests.helpers.results import add

HEADER = "method,dataset,metric,value,std,source,notes"
FILE = """Joint,CREMA-D,accuracy,59.38,,Paper A,
Naive MML,CREMA-D,accuracy,74.5,,Paper B,second hand
Joint,CREMA-D,accuracy,61,,Paper B,
OGM-GE,CREMA-D,accuracy,64.41,0.8,"Paper C, Table 2",
OGM-GE,CREMA-D,f1,60.00,,Paper C,
OGM,CREMA-D,accuracy,99,,Paper D,SUSPECT: rows shifted
Somebody,CREMA-D,accuracy,99,,Paper D,
Joint,Elsewhere,accuracy,99,,Paper D,
"""


def written(folder, text=FILE, header=HEADER):
    file = folder / "numbers.csv"
    file.write_text(f"{header}\n{text}")
    return file


@pytest.fixture
def tables(tmp_path):
    for order, method in enumerate(("joint", "ogm", "ogm_ge", "mine")):
        for seed in (0, 1):
            add(tmp_path, method, seed, dataset="cremad", accuracy=0.5 + order / 10, order=order)
    return collect(tmp_path)


def last(text, label):
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {label} ")]
    return found.strip("|").split("|")[-1].strip()


def test_several_values_are_a_range_with_the_number_of_sources(tmp_path, tables):
    text = render(tables, "md", published=published.read(written(tmp_path)))
    assert last(text, "Method") == "Accuracy, published"
    assert last(text, "joint") == "*59.4\N{EN DASH}74.5 (2)*"
    assert last(text, "ogm_ge") == "*64.4 ± 0.8*" and last(text, "mine") == "\N{EN DASH}"
    assert last(text, "*Mean*") == ""


def test_suspect_values_are_left_out_and_counted(tmp_path, tables):
    text = render(tables, "md", published=published.read(written(tmp_path)))
    assert last(text, "ogm") == "\N{EN DASH}" and "1 left out that the file calls suspect." in text


def test_the_footnote_says_whose_numbers_they_are(tmp_path, tables):
    text = render(tables, "md", published=published.read(written(tmp_path)))
    assert "Sources: Paper A; Paper B; Paper C, Table 2." in text and "Paper D" not in text
    assert "mostly of the best epoch on test" in text and "no mark compares it with ours" in text


def test_a_metric_has_its_column_where_ours_is_shown(tmp_path, tables):
    found = published.read(written(tmp_path))
    assert "Macro-F1" not in render(tables, "md", published=found)
    add(tmp_path, "joint", dataset="cremad")
    beside = found.of("cremad", "ogm_ge", "macro_f1")
    assert beside.values == (60.0,) and beside.text == "60.0"


def test_marks_and_means_are_the_same_without_it(tmp_path, tables):
    found = published.read(written(tmp_path))
    plain, beside = (render(tables, "md", baseline="joint", published=p) for p in (None, found))
    for label in ("joint", "ogm", "ogm_ge", "mine"):
        rows = [
            next(r for r in t.splitlines() if r.startswith(f"| {label} ")) for t in (plain, beside)
        ]
        cells = [[c.strip() for c in row.strip("|").split("|")] for row in rows]
        assert cells[1][:-1] == cells[0]


def test_it_is_set_apart_in_latex_and_html(tmp_path, tables):
    found = published.read(written(tmp_path))
    latex = render(tables, "latex", published=found)
    assert r"@{\hspace{2em}}r}" in latex and r"\texttt{published}" in latex
    assert r"\textit{59.4--74.5 (2)}" in latex
    html = render(tables, "html", published=found)
    assert '<td class="published" data-value="0.6694" title="Paper A; Paper B">' in html


def test_csv_has_a_line_per_published_cell(tmp_path, tables):
    text = render(tables, "csv", published=published.read(written(tmp_path)))
    frame = pandas.read_csv(io.StringIO(text))
    frame = frame[frame["protocol"] == "published"].set_index("method")
    assert list(frame.index) == ["joint", "ogm_ge"] and list(frame["n"]) == [3, 1]
    assert [float(v) for v in frame.loc["joint"]["values"].split()] == [0.5938, 0.745, 0.61]
    assert frame["mean"].isna().all()


def test_a_file_without_such_rows_is_said(tmp_path, tables):
    text = render(tables, "md", published=published.read(written(tmp_path, "")))
    assert "`numbers.csv` has no published number for these rows and columns." in text


@pytest.mark.parametrize(
    ("text", "header", "sentence"),
    [
        (FILE, "method,dataset,value", "lacks the column metric, std, source, notes"),
        ("Joint,CREMA-D,accuracy,high,,A,", HEADER, r"line 2: value is 'high'; it is a number in"),
        ("Joint,CREMA-D,accuracy,nan,,A,", HEADER, "value is 'nan'"),
        ("Joint,CREMA-D,accuracy,159,,A,", HEADER, "value is '159'"),
        ("Joint,CREMA-D,accuracy,59,x,A,", HEADER, "std is 'x'"),
    ],
)
def test_a_faulty_file_is_refused_with_the_line(tmp_path, text, header, sentence):
    with pytest.raises(UserError, match=sentence):
        published.read(written(tmp_path, text, header))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path, tables, capsys):
    code = main(["table", "--results", str(tmp_path), "--published", str(tmp_path / "none.csv")])
    assert code == 2 and capsys.readouterr().err.startswith("error: --published ")


def test_the_shipped_names_are_ours_where_ours_exist():
    """A method or data set of the suite that papers report is found under its own name."""
    known = published.names()
    ours = {e.name for e in methods.ENTRIES}
    assert {"joint", "ensemble", "ogm", "ogm_ge", "dimml"} <= set(known["methods"].values()) & ours
    # Of these no paper on balance reports numbers on our features and split.
    others = {"digits", "features", "avmnist", "synthetic"}
    others |= {"ravdess", "mosi", "wikipedia", "handwritten", "bdgp"}
    shipped = {e.name for e in datasets.ENTRIES} - others
    assert shipped <= set(known["datasets"].values())
