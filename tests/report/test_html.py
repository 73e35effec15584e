"""HTML tables: escaped, nested as they must be, as wide as they say, sortable by their values."""

from html.parser import HTMLParser

import pytest

from bench.report.tables.collect import collect
from bench.report.tables.render import render
from tests.helpers.results import add, suite


class Reader(HTMLParser):
    """Rows as lists of (tag, attributes, text); fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.tags = [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1][2] += data


def shown(results, protocols=("val",)):
    return render(collect(results), "html", protocols)


def test_rows_are_as_wide_as_the_table(tmp_path):
    suite(tmp_path, methods=6, modalities=("m0", "m1", "m2"), seeds=2)
    rows = Reader(shown(tmp_path, ("val", "last"))).rows
    widths = {sum(int(a.get("colspan", 1)) for _, a, _ in row) for row in rows}
    assert len(rows) > 12 and len(widths) == 1


def test_what_a_name_says_is_text(tmp_path):
    evil = "<script>alert(1)</script>"
    add(tmp_path, "x", title=f'{evil} "&', family=evil, settings={"a": evil})
    add(tmp_path, "x", title=f'{evil} "&', family=evil, settings={"a": "b"})
    text = shown(tmp_path)
    assert "script" not in Reader(text).tags and text.count("&lt;script&gt;") > 2


def test_it_is_ascii_so_that_no_page_garbles_it(tmp_path):
    for seed in (0, 1):
        add(tmp_path, "x", seed, heads={"m0": 0.4 + seed / 10}, readout="slice")
    text = shown(tmp_path)
    assert text.isascii() and "&#177;" in text and "&#8224;" in text


def test_cells_hold_the_value_that_sorts_them(tmp_path):
    for seed, a in enumerate((0.1, 0.2)):
        add(tmp_path, "x", seed, accuracy=a)
        add(tmp_path, "y", seed, accuracy=0.0, probe={"m0": 0.5})
    rows = {row[0][2]: row for row in Reader(shown(tmp_path)).rows}
    tag, attributes, text = rows["x"][1]
    assert tag == "td" and float(attributes["data-value"]) == pytest.approx(0.15)
    assert text.startswith("15.0 ± ")
    assert "data-value" not in rows["x"][2][1] and rows["x"][2][2] == "\N{EN DASH}"


def test_headers_say_what_they_head(tmp_path):
    add(tmp_path, "x", heads={"m0": 0.4}, probe={"m0": 0.3})
    rows = Reader(shown(tmp_path)).rows
    assert [(t, a.get("scope")) for t, a, _ in rows[1]] == [("th", "col")] * 4
    assert rows[-1][0][:2] == ["th", {"scope": "row"}]
