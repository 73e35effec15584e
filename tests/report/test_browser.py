"""The report in a real browser: it sorts, fits a phone, and nothing in it fails."""

import pytest

from bench.__main__ import main
from tests.helpers import browser
from tests.helpers.results import EVIL, add, suite

pytestmark = pytest.mark.skipif(browser.program() is None, reason="no Chromium is installed")
HEAD = "document.querySelectorAll('tr.names th')"
NAMES = "[...document.querySelectorAll('.results tbody tr')].filter(r => r.offsetParent && "
NAMES += "!r.matches('.family, .mean')).map(r => r.cells[0].textContent)"
VALUES = NAMES.replace("textContent", "parentElement.cells[1].dataset.value")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    suite(folder / "results", methods=5, seeds=2)
    for seed in range(2):
        add(folder / "results", EVIL.replace("/", "|"), seed, family=EVIL, order=99)
        add(folder / "results", "joint", seed, accuracy=0.7 + seed / 50, order=0)
    assert main(["report", "--results", str(folder / "results"), "--out", str(folder)]) == 0
    return folder / "index.html"


@pytest.fixture(scope="module")
def shown(page):
    with browser.browser() as one:
        one.open(page)
        yield one


def click(shown, column):
    shown.run(f"{HEAD}[{column}].querySelector('button').click()")
    return shown.run(f"{HEAD}[{column}].getAttribute('aria-sort')")


def test_tables_sort_both_ways_and_go_back_to_families(shown):
    before = shown.run(NAMES)
    families = "[...document.querySelectorAll('tr.family')].filter(r => r.offsetParent).length"
    there = shown.run(families)
    assert there > 1
    assert click(shown, 1) == "descending"
    down = [float(v) for v in shown.run(VALUES)]
    assert down == sorted(down, reverse=True) and len(down) == len(before)
    assert shown.run(families) == 0
    assert click(shown, 1) == "ascending"
    assert [float(v) for v in shown.run(VALUES)] == down[::-1]
    assert click(shown, 1) is None
    assert shown.run(NAMES) == before and shown.run(families) == there


def test_rows_without_a_number_come_last_whichever_way(shown):
    column = shown.run(f"[...{HEAD}].findIndex(h => h.textContent === 'probe')")
    values = VALUES.replace("cells[1]", f"cells[{column}]").replace(".value)", ".value ?? null)")
    for _ in range(2):
        click(shown, column)
        found = shown.run(values)
        assert None in found and None not in found[: found.index(None)]
        assert set(found[found.index(None) :]) == {None}
    click(shown, column)


def test_the_keyboard_sorts(shown):
    shown.run(f"{HEAD}[0].querySelector('button').focus()")
    shown.press("Enter", 13)
    assert shown.run(f"{HEAD}[0].getAttribute('aria-sort')") == "ascending"
    names = shown.run(NAMES)
    assert names == sorted(names, key=lambda n: n.strip("<").lower()) or names[0] == min(names)
    shown.run(f"{HEAD}[0].querySelector('button').click()")
    shown.run(f"{HEAD}[0].querySelector('button').click()")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways_even_unfolded(shown, page, width):
    shown.open(page, width)
    shown.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert shown.run("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('.scroll')].some(s => s.scrollWidth > s.clientWidth)"
    assert shown.run(wide) == (width < 800)


def test_no_script_of_a_name_runs_and_nothing_fails(shown, page):
    shown.open(page)
    assert shown.run("document.title") == "Report"
    assert shown.run("document.scripts.length") == 1
    assert shown.run("[...document.images].every(i => i.naturalWidth > 0)")
    shown.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert shown.faults == []
