"""CML, step by step, against its equations in plain code, from the same weights, batches and orders
of removal, in float64."""

import pytest
import torch

from bench.config.spec import NetworkConfig, TrainConfig
from bench.methods.cml import CML
from bench.training.optimizers import build_optimizer
from bench.training.trainer import set_modes
from bench.types import Clock, DatasetSpec, Modality
from tests.helpers.reference_cml import Reference
from tests.methods.test_dimml_fidelity import CLASSES, INPUTS, RECIPE, STEPS, Toy, batches, drawn

WEIGHT = 0.4


@pytest.mark.parametrize("modalities", [2, 3])
def test_every_step_is_the_papers(modalities):
    shapes = {f"m{i}": Modality("vector", (INPUTS[i],)) for i in range(modalities)}
    task = Toy(DatasetSpec("toy", CLASSES, shapes), NetworkConfig(), 0)
    method = CML(task, CML.Config(weight=WEIGHT)).double()
    reference = Reference(
        method.state_dict(), list(method.modalities), tuple(RECIPE.values()), WEIGHT
    )
    (stage,) = method.stages(4)
    set_modes(method, stage)
    optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
    for step, batch in enumerate(batches(drawn(modalities))):
        clock = Clock(0, 4, step, STEPS)
        removed = method.turns(len(batch.label), clock).argsort(dim=1)[:, :-1].tolist()
        stage.step(batch, optimizer, clock)
        reference.step(batch.inputs, batch.label, removed)
        for name, value in method.state_dict().items():
            expected = reference.weights[name].detach()
            torch.testing.assert_close(value, expected, rtol=0, atol=1e-9)
    assert reference.violations > STEPS
