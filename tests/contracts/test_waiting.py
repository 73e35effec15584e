"""No step of any method waits for the device: on a GPU the host would stop launching."""

import pytest
import torch

from bench.execute import build_method, open_data
from bench.loading.loaders import Source
from bench.method import Method
from bench.runs.places import Places
from bench.training.optimizers import build_optimizers
from bench.types import Batch, Clock
from tests.helpers.training import CPU, rows, spec_of
from tests.helpers.waiting import META, Waits

WAITING = {  # what an encoder does next hangs on a number of the step before
    "greedy": "what is cut is decided by the gates' speeds of the step",
    "greedy-random": "what is cut is drawn in the step",
}


def batch_of(bundle):
    """32 training samples."""
    whole = Source(bundle.parts["train"], bundle.spec, CPU).batch(torch.arange(32), None)
    inputs = {m: x.to(META) for m, x in whole.inputs.items()}
    label, index, keep = (x.to(META) for x in (whole.label, whole.index, whole.keep))
    return Batch(inputs, label, index, keep, keep)


def waits(name):
    """Takes a step of every stage."""
    spec = spec_of(name)
    bundle = open_data(spec, Places(None))
    method, batch = build_method(spec, bundle.spec, META), batch_of(bundle)
    plan = method.stages(spec.train.epochs)
    optimizers = build_optimizers(plan, spec.train)
    with Waits() as seen:
        for stage in plan:
            if stage.epochs:
                torch.nn.Module.train(method)
                optimizer = optimizers[stage.optimizer or stage.name]
                stage.step(batch, optimizer, Clock(1, stage.epochs, 0, 6))
    return seen.seen


@pytest.mark.parametrize("name", [name for name in rows() if name not in WAITING])
def test_no_step_waits_for_the_device(name, monkeypatch):
    monkeypatch.setattr(Method, "generator", None)  # nothing is drawn there
    assert not waits(name)


@pytest.mark.parametrize("name", WAITING)
def test_a_step_that_waits_for_the_device_is_seen(name, monkeypatch):
    monkeypatch.setattr(Method, "generator", None)
    with pytest.raises(RuntimeError, match="cannot be called on meta tensors"):
        waits(name)
