"""Counted parameters and operations, and measured times."""

import pytest
import torch
from torch import nn

from bench.evaluation import operations
from bench.training.timing import KEPT, Laps, Times
from tests.helpers.kills import finish, start
from tests.helpers.training import spec_of

B, C, D = 32, 4, 64  # of tests.helpers.training and the defaults
WIDTHS = {"m0": 16, "m1": 12}


def cost(tmp_path, name, **options):
    run = start(tmp_path, spec_of(name, **options))
    finish(run)
    return run.result_json()["cost"]


def encoder_macs(width):
    return width * D + D * D


def test_a_joint_run_computes_what_the_layers_say(tmp_path):
    """Answering, the fused head counts twice: its answer, and the modalities' shares that it
    reports, which a step does not compute."""
    found = cost(tmp_path, "joint")
    encoders, head = sum(map(encoder_macs, WIDTHS.values())), 2 * D * C
    assert found["forward_flops"] == 2 * (encoders + 2 * head)
    # Backward: weights and inputs of each layer, but of the first layers, whose input is data.
    first = sum(width * D for width in WIDTHS.values())
    step = 2 * B * (3 * (encoders + head) - first)
    stage = found["stages"]["train"]
    assert stage["step_flops"] == step and stage["steps"] == 7
    assert stage["epoch_flops"] == 7 * step and found["training_flops"] == 2 * 7 * step


def test_own_heads_that_do_not_answer_are_not_needed_at_test(tmp_path):
    found = cost(tmp_path, "joint-uni")
    assert found["parameters"] == found["parameters_trained"]
    assert found["parameters"] - found["parameters_inference"] == 2 * (D + 1) * C


def test_what_answers_is_needed(tmp_path):
    found = cost(tmp_path, "ensemble")
    assert found["parameters_inference"] == found["parameters"]
    assert set(found["stages"]) == {"m0", "m1"}
    stages = found["stages"].values()
    assert found["training_flops"] == sum(s["epochs"] * s["epoch_flops"] for s in stages)


def test_a_stage_that_trains_the_head_alone_computes_less(tmp_path):
    detached, fusion = cost(tmp_path, "dimml", epochs=8)["stages"].values()
    assert fusion["step_flops"] < detached["step_flops"]


def test_frozen_encoders_compute_once_what_does_not_vary(tmp_path):
    fusion = cost(tmp_path, "pretrained-frozen", epochs=3)["stages"]["fusion"]
    head, tail = 2 * D * C, 203 - 6 * B
    assert fusion["encoded_once"] and fusion["step_flops"] == 2 * B * 2 * head
    assert fusion["once_flops"] == 2 * sum(map(encoder_macs, WIDTHS.values())) * (203 + 3 * tail)


def test_a_hook_that_looks_at_the_data_is_counted(tmp_path):
    class_means = cost(tmp_path / "a", "dimml", epochs=3, duc_start=0.0)["stages"]["detached"]
    assert class_means["epoch_flops"] > class_means["steps"] * class_means["step_flops"]


def test_times_are_there_once_the_steps_are_warm(tmp_path):
    found = cost(tmp_path, "joint", epochs=3)["stages"]["train"]  # 21 steps
    assert found["step_ms"]["count"] == found["load_ms"]["count"] == 11
    assert 0 < found["step_ms"]["q1"] <= found["step_ms"]["median"] <= found["step_ms"]["q3"]
    assert found["epoch_seconds"]["count"] == 3
    short = cost(tmp_path / "short", "joint", epochs=1)["stages"]["train"]
    assert short["step_ms"] is None and short["epoch_seconds"]["count"] == 1


def test_a_shared_or_repeated_parameter_counts_once():
    layer = nn.Linear(3, 2)
    assert operations.parameters([*layer.parameters(), layer.weight]) == 8


def test_counting_leaves_the_switches_as_they_were():
    net = nn.LSTM(2, 3, batch_first=True)
    before = switches()
    operations.operations(net, lambda: net(torch.ones(1, 2, 2)))
    assert switches() == before
    with pytest.raises(ZeroDivisionError):
        operations.operations(net, lambda: 1 / 0)
    assert switches() == before


def switches():
    backends = torch.backends
    return (
        backends.mha.get_fastpath_enabled(),
        backends.mkldnn.enabled,
        backends.cudnn.enabled,
        backends.cuda.flash_sdp_enabled(),
    )


def test_laps_alternate_and_the_latest_are_kept():
    laps = Laps(torch.device("cpu"))
    for _ in range(4):
        laps.mark()
    assert len(laps.seconds()) == 4 and all(s >= 0 for s in laps.seconds())
    times = Times()
    times.add([1.0, 2.0] * 3, skipped=1, epoch=9.0)
    assert times.load == [1, 1] and times.step == [2, 2] and times.epoch == [9]
    times.add([3.0, 4.0] * KEPT, skipped=0, epoch=9.0)
    assert times.step == [4] * KEPT
