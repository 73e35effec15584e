"""Two tables as CSV: equal, or the cells that differ, and why."""

import pytest

from bench.errors import UserError
from bench.report.comparison.equality import sentence
from bench.report.tables.writers.csv import FIELDS, to_csv

LINE = dict.fromkeys(FIELDS, "") | {
    "dataset": "one",
    "method": "x",
    "column": "accuracy",
    "seeds": "0 1",
    "values": "0.5 0.25",
    "processor_family": "old",
    "torch": "2.11.0",
    "arithmetic": "portable",
    "precision": "fp32",
}


def table(path, **changes):
    path.write_text(to_csv([LINE | changes, LINE | {"column": "left head", "seeds": ""}]))
    return path


def test_equal_tables_are_equal_whatever_else_differs(tmp_path):
    said = sentence(table(tmp_path / "a.csv"), table(tmp_path / "b.csv", processor_family="new"))
    assert said.endswith("b.csv, in all 1 cells.") and "is equal to" in said


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"arithmetic": "native"}, "other arithmetic (portable, there native), other processor"),
        ({"torch": "2.12.0"}, "other torch (2.11.0, there 2.12.0)."),
        ({"precision": "bf16"}, "other precision (fp32, there bf16)."),
        ({"torch": ""}, "other torch (2.11.0, there not recorded)."),
        ({"seeds": "0"}, "other seeds (0 1, there 0)."),
        ({}, "the tables record no difference that would explain it."),
    ],
)
def test_cells_that_differ_are_named_with_the_cause(tmp_path, changes, cause):
    other = table(tmp_path / "b.csv", values="0.5 0.5", processor_family="new", **changes)
    said = sentence(table(tmp_path / "a.csv"), other)
    assert "in 1 of 1 cells (x accuracy)" in said and cause in said


def test_a_column_that_an_older_table_lacks_explains_nothing(tmp_path):
    new, old = table(tmp_path / "a.csv"), tmp_path / "b.csv"
    line = {k: v for k, v in LINE.items() if k != "precision"} | {"values": "0.5 0.5"}
    old.write_text(to_csv([line]))
    assert "the tables record no difference" in sentence(new, old)


def test_a_last_bit_is_a_difference(tmp_path):
    other = table(tmp_path / "b.csv", values="0.5 0.25000000000000006")
    assert "differs" in sentence(table(tmp_path / "a.csv"), other)


def test_a_cell_of_one_table_alone_is_a_difference(tmp_path):
    said = sentence(table(tmp_path / "a.csv"), table(tmp_path / "b.csv", method="y"))
    assert "in 2 of 2 cells (y accuracy; x accuracy): 2 stand in one of the tables alone." in said


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(UserError, match="no table of this suite"):
        sentence(table(tmp_path / "a.csv"), tmp_path / "b.csv")
    with pytest.raises(UserError, match=r"none\.csv"):
        sentence(table(tmp_path / "a.csv"), tmp_path / "none.csv")
