"""The numbers of a table: each computed once, and quickly, and one rule for the encoder alone."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from bench.report.figures import curves
from bench.report.quantities import ACCURACY, QUANTITIES, UNDER_TRAINING
from bench.report.quantities.quantity import Quantity
from bench.report.read import predictions
from bench.report.tables.collect import collect
from bench.report.tables.model import Column
from bench.report.tables.numbers import Numbers
from bench.report.tables.render import FORMATS, render
from tests.helpers.evaluations import evaluate
from tests.helpers.results import add, learning

STORED = (ACCURACY, "macro_f1", "ece", "ece_scaled", "nll_scaled", "ogm_ratio", "probe", "head")


@pytest.fixture
def table(tmp_path):
    """Three methods with three seeds."""
    for order, method in enumerate(("base", "one", "two")):
        for seed in range(3):
            share = 0.5 + order / 10 + seed / 50
            both = {"m0": share, "m1": share / 2}
            run = add(tmp_path, method, seed, accuracy=share, heads=both, probe=both, order=order)
            evaluate(run, share, both)
    (table,) = collect(tmp_path)
    return table


@pytest.mark.parametrize("form", FORMATS)
def test_a_quantity_is_asked_of_a_run_once_and_a_file_opened_once(table, monkeypatch, form):
    asked, opened = Counter(), Counter()
    value, load = Quantity.value, np.load

    def ask(self, run, protocol):
        asked[self.title, run.directory, protocol] += 1
        return value(self, run, protocol)

    def open_(file, **options):
        opened[file] += 1
        return load(file, **options)

    monkeypatch.setattr(Quantity, "value", ask)
    monkeypatch.setattr(predictions.np, "load", open_)
    columns = (*STORED, UNDER_TRAINING, "seconds")
    render([table], form, ("val", "last"), columns=columns, baseline="base")
    assert set(asked.values()) == {1} and len(asked) == 9 * (2 * len(STORED) + 1)
    assert set(opened.values()) == {1} and len(opened) == 9 * 2  # test.npz and val.npz


def test_a_cell_is_what_its_runs_say(table):
    numbers = Numbers(table)
    for name in STORED:
        column = Column("val", name, "m0" if QUANTITIES[name].modalities else "")
        for row, cell in zip(table.rows, numbers.column(column), strict=True):
            assert cell == row.cell(column) and numbers.cell(row, column) is cell


def with_alone(folder, **alone):
    log = learning({"m0": 0.9})
    add(folder, "unimodal-m0", accuracy=0.9, probe={"m0": 0.89}, log=log, **alone)
    add(folder, "x", probe={"m0": 0.7, "m1": 0.6}, log=learning({"m0": 0.7, "m1": 0.6}))
    (table,) = collect(folder)
    (row,) = [row for row in table.rows if row.method == "x"]
    gap = Numbers(table).cell(row, Column("val", UNDER_TRAINING, "m0"))
    _, lines = curves.make(table)
    drawn = [one["alone_mean"] for one in lines if one["method"] == "x" and one["modality"] == "m0"]
    return gap.mean, drawn


def test_a_curve_is_compared_with_the_row_that_a_table_takes(tmp_path):
    gap, drawn = with_alone(tmp_path)
    assert gap == pytest.approx(0.2) and None not in drawn


@pytest.mark.parametrize(
    "other",
    [
        {"train": {"lr": 0.5}},
        {"network": {"encoder": {"m0": "linear"}}},
        {"data_hash": "e" * 64},
    ],
)
def test_no_gap_is_shaded_where_a_table_has_a_dash(tmp_path, other):
    gap, drawn = with_alone(tmp_path, **other)
    assert gap is None and set(drawn) == {None}


HEAVY = ("torch", "pandas", "scipy", "sklearn", "matplotlib", "jinja2")
SCRIPT = f"""
import json, sys, time
from bench.__main__ import main
code = main(["table", "--results", sys.argv[1]])
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
heavy = [name for name in {HEAVY} if name in sys.modules]
sys.stderr.write(json.dumps([code, heavy, time.process_time(), int(peak) / 1024]))
"""


def test_a_table_of_a_thousand_runs_takes_little_time_and_memory_and_no_heavy_package(tmp_path):
    """By a process of its own."""
    for method in range(20):
        both = {"m0": 0.4 + method / 100, "m1": 0.3}
        run = add(tmp_path, f"method_{method}", accuracy=0.5, heads=both, probe=both)
        texts = {f.name: f.read_text() for f in (run.result, run.spec_file)}
        for seed in range(1, 50):
            folder = run.path.with_name(f"seed-{seed}")
            folder.mkdir()
            for name, text in texts.items():
                (folder / name).write_text(text.replace('"seed": 0', f'"seed": {seed}'))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    code, heavy, seconds, mebibytes = json.loads(done.stderr)
    assert (code, heavy) == (0, []) and "over seeds 0 to 49" in done.stdout
    assert seconds < 2 and mebibytes < 300
