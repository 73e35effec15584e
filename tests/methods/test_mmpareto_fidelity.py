"""MMPareto, step by step, against its page's equations in plain code, from the same weights and the
same batches, in float64."""

import pytest
import torch

from bench.config.spec import NetworkConfig, TrainConfig
from bench.methods.mmpareto import MMPareto
from bench.training.optimizers import build_optimizer
from bench.training.trainer import set_modes
from bench.types import Clock, DatasetSpec, Modality
from tests.helpers.reference_mmpareto import Reference
from tests.methods.test_dimml_fidelity import CLASSES, INPUTS, RECIPE, Toy, batches, drawn


def pair(modalities, scope):
    names = [f"m{i}" for i in range(modalities)]
    shapes = {m: Modality("vector", (INPUTS[i],)) for i, m in enumerate(names)}
    task = Toy(DatasetSpec("toy", CLASSES, shapes), NetworkConfig(), 0)
    method = MMPareto(task, MMPareto.Config(gamma=1.3, rescaled=scope)).double()
    with torch.no_grad():
        for i, head in enumerate(method.own.values()):  # the first encoder's losses disagree
            head.weight.copy_((i - 0.5) * method.head.linear.weight[:, : head.in_features])
    reference = Reference(
        method.state_dict(), names, tuple(RECIPE.values()), 1.3, scope == "encoder"
    )
    return method, reference


@pytest.mark.parametrize(("modalities", "scope"), [(2, "tensor"), (3, "tensor"), (2, "encoder")])
def test_every_step_is_the_papers(modalities, scope):
    (method, reference), data = pair(modalities, scope), drawn(modalities)
    stage = method.stages(1)[0]
    optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
    set_modes(method, stage)
    steps = batches(data)
    for i, batch in enumerate(steps):
        stage.step(batch, optimizer, Clock(0, 1, i, len(steps)))
        reference.step(batch.inputs, batch.label)
        for name, found in method.state_dict().items():
            expected = reference.weights[name].detach()
            message = lambda s, n=name, i=i: f"{n}, step {i}: {s}"  # noqa: E731
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-9, msg=message)
    assert 0 < reference.conflicts < modalities * len(steps)
