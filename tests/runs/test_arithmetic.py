"""Arithmetic that does not depend on the machine, nor on what is set for its libraries outside."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.config import spec as specs
from bench.config.spec import NATIVE, PORTABLE, TrainConfig
from bench.runner import local
from bench.runs import arithmetic
from bench.runs.places import Places
from bench.runs.rundir import RunDir
from tests.helpers.commands import environment
from tests.helpers.fake_runs import finish
from tests.helpers.kills import start
from tests.helpers.training import spec_of

ELSEWHERE = {  # what somebody may have set, or another processor choose
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
    "OMP_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
}
# A notebook's process: torch is loaded, with other threads, and without oneDNN.
NOTEBOOK = """
import sys, torch, bench
torch.backends.mkldnn.enabled = False
torch.set_num_threads(2)
bench.run("joint-uni", "tests.helpers.synthetic:Pictured", seeds=1, epochs=1, results=sys.argv[1],
    device="cpu", settings={"train.arithmetic": sys.argv[2], "train.lr": 0.05})
"""


def trained(folder: Path, chosen: str, changes: dict[str, str]) -> tuple[dict[str, str], dict]:
    """Digests of what a run leaves, by file, and its environment."""
    command = [sys.executable, "-c", NOTEBOOK, str(folder), chosen]
    subprocess.run(command, env=environment() | changes, check=True)
    (path,) = (folder / "runs").glob("*/*/*/seed-0")
    run = RunDir(path)
    result = run.result_json()
    told = {name: result[name] for name in ("protocols", "probe", "subsets", "unimodal")}
    weights = torch.load(run.weights, weights_only=True)
    with np.load(run.predictions("test")) as test:
        predictions = [test[name] for name in sorted(test.files)]
    digests = {
        "weights": digest([weights[name].numpy() for name in sorted(weights)]),
        "test": digest(predictions),
        "result": hashlib.sha256(repr(told).encode()).hexdigest(),
    }
    return digests, result["environment"]


class Stopped(Exception):
    pass


class TrainingFailed(Exception):
    pass


def note_environment(run, places, stop):
    """Stands where bench.execute does: what the worker's process was started with."""
    families = set(arithmetic.FAMILIES) - {"KMP_"}  # scikit-learn itself sets some of these
    libraries = {k: v for k, v in os.environ.items() if k.startswith(tuple(families))}
    (run.path / "libraries.json").write_text(json.dumps(libraries))
    finish(run)


def libraries_of(folder: Path, *specs) -> list[dict[str, str]]:
    runs = [start(folder, spec) for spec in specs]
    fake = f"{__name__}:note_environment"
    local.run_local(runs, 1, Places(folder, device="cpu"), False, io.StringIO(), fake)
    return [json.loads((run.path / "libraries.json").read_text()) for run in runs]


def digest(arrays) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


needs_avx2 = pytest.mark.skipif(not arithmetic.capable(), reason="this processor has no AVX2")


@pytest.mark.slow
@needs_avx2
def test_a_portable_run_is_the_same_whatever_is_set_for_the_libraries(tmp_path):
    here, machine = trained(tmp_path / "here", PORTABLE, {})
    elsewhere, _ = trained(tmp_path / "elsewhere", PORTABLE, ELSEWHERE)
    assert here == elsewhere
    assert machine["arithmetic"] == PORTABLE


@pytest.mark.slow
@needs_avx2
def test_a_native_run_is_not(tmp_path):
    here, machine = trained(tmp_path / "here", NATIVE, {})
    elsewhere, _ = trained(tmp_path / "elsewhere", NATIVE, ELSEWHERE)
    assert here["weights"] != elsewhere["weights"] and here["test"] != elsewhere["test"]
    assert machine["arithmetic"] == NATIVE


@needs_avx2
def test_what_is_set_for_the_libraries_does_not_count():
    inherited = ELSEWHERE | {"HOME": "/"}
    changes = arithmetic.variables(TrainConfig(threads=3), inherited)
    assert "HOME" not in changes
    assert changes["MKL_ENABLE_INSTRUCTIONS"] is None and changes["DNNL_MAX_CPU_ISA"] is None
    assert changes["ATEN_CPU_CAPABILITY"] == "avx2" and changes["OMP_NUM_THREADS"] == "3"
    assert arithmetic.variables(TrainConfig(arithmetic=NATIVE), inherited) == {}


@needs_avx2
def test_runs_of_one_call_get_processes_of_their_own_arithmetic_and_threads(tmp_path, monkeypatch):
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    trains = ({}, {"threads": 3}, {"arithmetic": NATIVE})
    plain, wide, native = libraries_of(tmp_path, *(spec_of("joint", train=t) for t in trains))
    pinned = arithmetic.ARRAYS | arithmetic.TENSORS
    assert plain == pinned | dict.fromkeys(arithmetic.THREADS, "1")
    assert wide == pinned | dict.fromkeys(arithmetic.THREADS, "3")
    assert native == ELSEWHERE | arithmetic.ARRAYS


def test_a_call_on_a_processor_without_avx2_says_so_once(tmp_path, monkeypatch):
    monkeypatch.setattr(arithmetic, "cpu_facts", lambda: {"flags": "sse4_2 avx"})
    out = io.StringIO()
    runs = [start(tmp_path, spec_of("joint", seed=seed)) for seed in (0, 1)]
    fake = f"{__name__}:note_environment"
    local.run_local(runs, 1, Places(tmp_path, device="cpu"), False, out, fake)
    assert out.getvalue().count("no AVX2") == 1
    assert not (runs[0].path / "libraries.json").read_text().count("COMPATIBLE")


@needs_avx2
def test_a_process_is_portable_only_with_every_variable():
    whole = arithmetic.ARRAYS | arithmetic.TENSORS
    assert arithmetic.of_process("cpu", whole) == PORTABLE
    assert arithmetic.of_process("cuda", whole) == NATIVE
    for name in whole:
        assert arithmetic.of_process("cpu", whole | {name: "other"}) == NATIVE


def test_a_processor_without_avx2_is_left_alone(monkeypatch):
    monkeypatch.setattr(arithmetic, "cpu_facts", lambda: {"flags": "sse4_2 avx"})
    assert arithmetic.variables(TrainConfig(), ELSEWHERE) == {} == arithmetic.arrays()
    assert arithmetic.of_process("cpu", arithmetic.ARRAYS | arithmetic.TENSORS) == NATIVE


def test_a_spec_from_before_there_was_a_choice_is_native_and_keeps_its_digest():
    spec = spec_of("joint", train={"arithmetic": NATIVE, "selection": "best"})
    plain = spec.to_json()
    assert not {"arithmetic", "selection"} & set(plain["train"])
    assert specs.from_json(plain, "here") == spec
    assert specs.from_json(plain, "here").digest != spec_of("joint").digest
