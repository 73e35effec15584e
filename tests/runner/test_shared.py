"""Runs that one worker trains one after another: none leaves anything for the next."""

import io

import pytest

from bench.runner.local import run_local
from bench.runs.places import Places
from tests.helpers.kills import equal, start
from tests.helpers.training import rows, spec_of

FEW = ("joint", "ogm_ge", "dimml")


def trained(folder, specs):
    runs = [start(folder, spec) for spec in specs]
    run_local(runs, 1, Places(folder, device="cpu"), retry=False, out=io.StringIO())
    return runs


@pytest.mark.parametrize("names", [FEW, pytest.param(rows(), marks=pytest.mark.slow, id="all")])
def test_runs_end_with_the_same_bytes_in_whatever_order(tmp_path, warm, names):
    """One of them fails in the middle of its training."""
    diverging = spec_of("joint", epochs=40, train={"lr": 1e6})
    specs = [*(spec_of(name, epochs=1) for name in names[:-1]), diverging]
    specs += [spec_of(names[-1], epochs=1)]
    there = trained(tmp_path / "there", specs)
    back = trained(tmp_path / "back", specs[::-1])[::-1]
    assert [run.state for run in there] == ["done"] * (len(names) - 1) + ["failed", "done"]
    for one, other, spec in zip(there, back, specs, strict=True):
        assert spec is diverging or equal(one, other), spec.method
