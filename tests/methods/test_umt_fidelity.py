"""UMT, step by step, against its equations in plain code, from the same weights and the same
batches, in float64."""

import pytest
import torch

from bench.config.spec import NetworkConfig, TrainConfig
from bench.methods.umt import UMT
from bench.training.optimizers import build_optimizer
from bench.training.trainer import set_modes
from bench.types import Clock, DatasetSpec, Modality
from tests.helpers.reference_umt import Reference
from tests.methods.test_dimml_fidelity import CLASSES, INPUTS, RECIPE, STEPS, Toy, batches, drawn

WEIGHT = 3.0


@pytest.mark.parametrize("modalities", [2, 3])
def test_every_step_of_teachers_and_student_is_the_papers(modalities):
    shapes = {f"m{i}": Modality("vector", (INPUTS[i],)) for i in range(modalities)}
    task = Toy(DatasetSpec("toy", CLASSES, shapes), NetworkConfig(), 0)
    method = UMT(task, UMT.Config(weight=WEIGHT)).double()
    names, sgd = list(method.modalities), tuple(RECIPE.values())
    reference = Reference(method.state_dict(), names, sgd, WEIGHT)
    plan = method.stages(4)
    assert [s.name for s in plan] == [*(f"teacher {m}" for m in names), "student"]
    for i, stage in enumerate(plan):
        set_modes(method, stage)
        optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
        for batch in batches(drawn(modalities)):
            stage.step(batch, optimizer, Clock(0, 4, 0, STEPS))
            if i < len(names):
                reference.teacher_step(batch.inputs, batch.label, names[i])
            else:
                reference.student_step(batch.inputs, batch.label)
            for name, value in method.state_dict().items():
                expected = reference.weights[name].detach()
                torch.testing.assert_close(value, expected, rtol=0, atol=1e-9)
