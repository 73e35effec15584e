"""PMR, step by step, against the paper's equations in plain code, from the same weights and the
same batches, in float64. A class is absent from the first epoch's prototypes."""

from types import SimpleNamespace

import pytest
import torch

from bench.config.spec import NetworkConfig, TrainConfig
from bench.methods.pmr import PMR
from bench.training.optimizers import build_optimizer
from bench.training.trainer import set_modes
from bench.types import Clock, DatasetSpec, Modality
from tests.helpers.reference_pmr import Reference
from tests.methods.test_dimml_fidelity import CLASSES, INPUTS, RECIPE, STEPS, Toy, drawn, rows

EPOCHS, ENTROPY_EPOCHS, BATCH = 3, 2, 8
SETTINGS = {"alpha": 1.4, "mu": 0.3, "old_weight": 0.35}


def built(modalities):
    shapes = {f"m{i}": Modality("vector", (INPUTS[i],)) for i in range(modalities)}
    task = Toy(DatasetSpec("toy", CLASSES, shapes), NetworkConfig(), 0)
    return PMR(task, PMR.Config(entropy_end=ENTROPY_EPOCHS / EPOCHS, **SETTINGS)).double()


def subset(data, epoch):
    """What makes an epoch's prototypes; the first has no sample of class 0."""
    torch.manual_seed(epoch)
    order = torch.randperm(len(data.label))[:20]
    return order[data.label[order] > 0] if epoch == 0 else order


def looked_at(data, index):
    """Training data whose subset is given, in chunks."""
    some = [rows(data, part) for part in index.split(7)]
    loader = SimpleNamespace(of_each_class=lambda share, generator: some)
    return SimpleNamespace(ordered=lambda: loader)


def weights(method):
    return {k: v for k, v in method.state_dict().items() if not k.startswith(("proto", "known"))}


@pytest.mark.parametrize("modalities", [2, 3])
def test_every_step_is_the_papers(modalities):
    method, data = built(modalities), drawn(modalities)
    names, sgd = list(method.modalities), tuple(RECIPE.values())
    reference = Reference(weights(method), names, sgd, entropy_epochs=ENTROPY_EPOCHS, **SETTINGS)
    (stage,) = method.stages(EPOCHS)
    optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
    for step in range(STEPS):
        epoch = step * EPOCHS // STEPS
        if step == 0 or epoch > (step - 1) * EPOCHS // STEPS:
            index = subset(data, epoch)
            set_modes(method, stage)
            stage.start_epoch(looked_at(data, index), Clock(epoch, EPOCHS, 0, 1))
            reference.start_epoch(rows(data, index).inputs, data.label[index])
        batch = rows(data, torch.arange(step, step + BATCH))
        stage.step(batch, optimizer, Clock(epoch, EPOCHS, 0, 1))
        reference.step(batch.inputs, batch.label, epoch)
        for name, value in weights(method).items():
            torch.testing.assert_close(value, reference.weights[name].detach(), rtol=0, atol=1e-9)
    assert epoch == EPOCHS - 1 and min(reference.acted) > 0
