"""Files of a run that are cut short, and what the commands make of it."""

import contextlib
import io
import os

from bench.__main__ import main
from bench.report.comparison.answers import answers
from bench.report.figures import curves
from bench.report.quantities import QUANTITIES
from bench.report.tables import collect
from bench.runs.rundir import RunDir, every
from tests.helpers.faults import attempt
from tests.helpers.kills import equal, start

# Quantities of a table that need every file of predictions.
COLUMNS = ("--columns", "accuracy,ece,ece_scaled,vrr")
FILES = (
    *("spec.json", "log.jsonl", "checkpoint.pt", "checkpoint.prev.pt", "weights.pt"),
    *("val.npz", "test.npz", "subsets.npz", "result.json", "error.txt", "lock"),
)


def cut(file, length):
    """Leaves the first `length` bytes of a file."""
    os.truncate(file, length)


def bench(*words):
    """A command in this process: its exit code, what it printed, and what it said."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = main([str(word) for word in words])
    return code, out.getvalue(), said.getvalue()


def sentence(said):
    """Whether it is one, and tells what to do."""
    return said.startswith("error: ") and said.count("\n") == 1 and "; " in said


def goes_on(run: RunDir, whole: RunDir):
    """What is wrong with a run after the command that asked for it was given again; empty if it
    ends like the whole one. A failed run is tried again, as --retry does it."""
    run.error.unlink(missing_ok=True)
    start(run.path.parents[4], whole.spec())
    attempt(run)
    if run.state != "done":
        return f"{run.state}: {run.reason() if run.error.exists() else ''}"
    return "" if equal(run, whole) else "other numbers"


def reads(results, told):
    """What is wrong with what is told of a results folder: it is as `told` of an undamaged one, or
    a sentence takes its place, which this returns as its second value."""
    code, out, said = bench("table", "--results", results, *COLUMNS)
    if code == 2:
        return ("" if not out and sentence(said) else f"table said {said!r}"), said
    if (code, out) != (0, told[0]):
        return f"table printed {out!r}", ""
    try:
        return ("" if numbers(results) == told[1] else "other numbers"), ""
    except ValueError as error:
        return "", f"{error}"


def told_by(results):
    """What is told of an undamaged results folder: the table, and other numbers."""
    return bench("table", "--results", results, *COLUMNS)[1], numbers(results)


def numbers(results):
    """The points of all curves, and what a comparison reads of the predictions."""
    runs = list(every(results))
    lines = [[*curves.lines(t, curves.curves(t))] for t in collect.collect(results, runs)]
    stored = [answers(run, "val", QUANTITIES["nll"]) for run in runs]
    return lines, [one.values.tolist() for one in stored]
