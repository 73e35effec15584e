"""Precision and layout that the machine decides: what is chosen, refused and recorded."""

import os

import pytest
import torch

from bench import configure, execute
from bench.config.experiment import Experiment
from bench.config.spec import AUTO, BF16, FP32
from bench.errors import UserError
from bench.networks.task import CHANNELS_LAST, CONTIGUOUS
from bench.runs import arithmetic
from bench.runs.places import Places
from bench.training import numerics
from bench.training.numerics import check_precision, layout_of, precision_of
from tests.helpers.kills import start
from tests.helpers.training import CPU, spec_of, trainer_of

GPU = torch.device("cuda")
PORTABLE = arithmetic.ARRAYS | arithmetic.TENSORS


def machine(monkeypatch, flags, environment=None, capability="AVX2"):
    """Stands for a processor with these flags, and a process with this environment."""
    monkeypatch.setattr(arithmetic, "cpu_facts", lambda: {"flags": flags, "model name": "Old"})
    monkeypatch.setattr(os, "environ", environment or {})
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)


def graphics(monkeypatch, bf16):
    """Stands for a GPU."""
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: bf16 or including_emulation
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Older")


@pytest.mark.parametrize(
    ("flags", "environment", "chosen", "refusal"),
    [
        ("avx2 fma avx512f", {}, FP32, "and Old has none; take --set"),
        ("avx2 fma avx512_bf16", {}, BF16, None),
        ("avx2 fma amx_bf16", {}, BF16, None),
        ("avx2 fma amx_bf16", PORTABLE, FP32, "out on a CPU; add --set train.arithmetic=native"),
    ],
)
def test_bf16_on_a_cpu_is_chosen_or_refused_by_its_instructions(
    monkeypatch, flags, environment, chosen, refusal
):
    machine(monkeypatch, flags, environment)
    assert precision_of(AUTO, CPU) == chosen
    assert (precision_of(FP32, CPU), precision_of(BF16, CPU)) == (FP32, BF16)
    for asked in (FP32, AUTO) if refusal else (FP32, AUTO, BF16):
        check_precision(asked, CPU)
    if refusal:
        with pytest.raises(UserError, match=refusal):
            check_precision(BF16, CPU)


def test_bf16_on_a_gpu_is_chosen_or_refused_by_what_it_has(monkeypatch):
    graphics(monkeypatch, bf16=True)
    assert precision_of(AUTO, GPU) == BF16
    check_precision(BF16, GPU)
    graphics(monkeypatch, bf16=False)
    assert precision_of(AUTO, GPU) == FP32
    with pytest.raises(UserError, match="and Older would emulate it; take"):
        check_precision(BF16, GPU)


def test_a_run_in_bf16_fails_with_that_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(arithmetic, "cpu_facts", dict)
    run = start(tmp_path, spec_of("joint", train={"precision": BF16}))
    with pytest.raises(UserError, match="bf16 needs a GPU"):
        execute.execute(run, Places(tmp_path, device="cpu"))


def test_spectrograms_are_contiguous_with_avx2_alone_but_not_where_numbers_must_not_change(
    monkeypatch,
):
    machine(monkeypatch, "avx2 fma")
    assert (layout_of(CPU), layout_of(GPU)) == (CONTIGUOUS, CHANNELS_LAST)
    machine(monkeypatch, "avx2 fma", PORTABLE)
    assert layout_of(CPU) == CHANNELS_LAST
    for capability in ("AVX512", "DEFAULT"):
        machine(monkeypatch, "avx2 fma", capability=capability)
        assert layout_of(CPU) == CHANNELS_LAST


def test_what_is_chosen_reaches_the_method_and_the_result(tmp_path, monkeypatch):
    spec = spec_of("joint", epochs=1, train={"precision": AUTO})
    run = start(tmp_path, spec)
    monkeypatch.setattr(numerics, "without_bf16", lambda device: None)
    monkeypatch.setattr(execute, "layout_of", lambda device: CONTIGUOUS)
    execute.execute(run, Places(tmp_path, device="cpu"))
    recorded = run.result_json()
    assert recorded["spec"]["train"]["precision"] == AUTO
    assert recorded["environment"]["precision"] == BF16
    assert recorded["environment"]["spectrogram_layout"] == CONTIGUOUS


def on_validation(seed, precision):
    """Accuracy of joint training on the embedded data, under its recipe."""
    train = {"precision": precision}
    experiment = Experiment(("digits",), (("joint", {}),), (seed,), train=train)
    (spec,) = configure.specs(experiment)
    trainer = trainer_of(spec)  # computes bf16 here too, only slowly
    trainer.train()
    return trainer.at.kept["val"]["val"]["accuracy"]


@pytest.mark.slow
def test_bf16_is_as_accurate_as_fp32_within_the_bound_that_the_page_states():
    pairs = [[on_validation(seed, p) for p in (BF16, FP32)] for seed in range(5)]
    differences = torch.tensor([half - full for half, full in pairs])
    assert differences.mean().abs() <= 0.005
    assert differences.abs().max() <= 0.015
