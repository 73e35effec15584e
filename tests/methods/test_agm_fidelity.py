"""AGM, step by step, against its page's equations in plain code, from the same weights and the same
batches, in float64."""

import pytest
import torch

from bench.config.spec import NetworkConfig, TrainConfig
from bench.methods.agm import AGM
from bench.training.optimizers import build_optimizer
from bench.training.trainer import set_modes
from bench.types import Clock, DatasetSpec, Modality
from tests.helpers.reference_agm import Reference
from tests.methods.test_dimml_fidelity import CLASSES, INPUTS, RECIPE, Toy, batches, drawn

EPOCHS = 5  # two steps each


def pair(modalities, alpha, scale):
    names = [f"m{i}" for i in range(modalities)]
    shapes = {m: Modality("vector", (INPUTS[i],)) for i, m in enumerate(names)}
    task = Toy(DatasetSpec("toy", CLASSES, shapes), NetworkConfig(), 0)
    config = AGM.Config(alpha=alpha, start=1 / EPOCHS, end=3 / EPOCHS)
    method = AGM(task, config).double()
    with torch.no_grad():
        for encoder in method.encoders.values():
            encoder.last.weight.mul_(scale)
    state = {k: v for k, v in method.state_dict().items() if k not in ("steps", "running")}
    return method, Reference(state, names, tuple(RECIPE.values()), alpha)


@pytest.mark.parametrize(("modalities", "alpha", "scale"), [(2, 1.0, 1), (3, 0.7, 1), (2, 1.0, 9)])
def test_every_step_is_the_papers(modalities, alpha, scale):
    """Two epochs without modulation among them; on features of a large scale, clipped ones."""
    (method, reference), data = pair(modalities, alpha, scale), drawn(modalities)
    stage = method.stages(EPOCHS)[0]
    optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
    set_modes(method, stage)
    for i, batch in enumerate(batches(data)):
        epoch = i // 2
        stage.step(batch, optimizer, Clock(epoch, EPOCHS, i % 2, 2))
        reference.step(batch.inputs, batch.label, modulated=1 <= epoch <= 3)
        for name, expected in reference.weights.items():
            found = method.state_dict()[name]
            message = lambda s, n=name, i=i: f"{n}, step {i}: {s}"  # noqa: E731
            torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-9, msg=message)
        running = torch.tensor(reference.running, dtype=torch.float64)
        torch.testing.assert_close(method.running, running, rtol=0, atol=1e-9)
    assert (reference.clips > 0) == (scale > 1)
