"""Runs that one worker trains one after another: none leaves anything for the next."""

import io

import pytest

from bench.runner.local import run_local
from bench.runs.places import Places
from tests.helpers.fake_runs import make
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
    diverging = spec_of("joint", train={"lr": 1e6})
    specs = [*(spec_of(name, epochs=1) for name in names[:-1]), diverging]
    specs += [spec_of(names[-1], epochs=1)]
    there = trained(tmp_path / "there", specs)
    back = trained(tmp_path / "back", specs[::-1])[::-1]
    assert [run.state for run in there] == ["done"] * (len(names) - 1) + ["failed", "done"]
    for one, other, spec in zip(there, back, specs, strict=True):
        assert spec is diverging or equal(one, other), spec.method


ASKING = """
import os

import torch

from bench import execute
from tests.helpers.fake_runs import Stopped, TrainingFailed, append, finish


def ask(run, places, stop):
    threads = len(os.listdir(f"/proc/{os.getppid()}/task"))
    append(run.path / "above", f"{threads} {torch.cuda.is_initialized()}")
    memory = (os.environ[f"MALLOC_{name}_"] for name in ("MMAP_MAX", "TRIM_THRESHOLD"))
    append(run.path / "memory", " ".join(memory))
    finish(run)
"""


def test_what_workers_are_forks_of_has_one_thread_and_no_gpu(tmp_path, monkeypatch):
    """A start of its own, with torch: of what else it had, forks would have a dead half. What the
    user has set for memory stays."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    (tmp_path / "asking.py").write_text(ASKING)
    monkeypatch.syspath_prepend(tmp_path)
    (run,) = make(tmp_path, 1)
    run_local([run], 1, Places(tmp_path), False, io.StringIO(), execute="asking:ask")
    assert (run.path / "above").read_text() == "1 False"
    assert (run.path / "memory").read_text() == "0 1000"
