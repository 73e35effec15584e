"""DIMML, step by step, against the paper's equations in plain code, from the same weights and the
same batches, in float64."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench.config.spec import NetworkConfig, TrainConfig
from bench.methods.dimml import DIMML
from bench.networks.task import Task
from bench.training.optimizers import build_optimizer
from bench.training.trainer import set_modes
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.reference_dimml import Reference

CLASSES, SAMPLES, BATCH, STEPS = 4, 60, 10, 10
EPOCHS, DUC_EPOCH = 4, 2  # of stage 1, whose steps are shared out among its epochs
WIDTHS = {2: (6, 6), 3: (5, 7, 4)}  # of the features, before projection
INPUTS = (5, 3, 4)
SETTINGS = {
    "shared_weight": 0.7,
    "duc_weight": 1.3,
    "temperature": 2.0,
    "certainty_temperature": 0.4,
}
RECIPE = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}


class Encoder(nn.Module):
    """Linear, batch norm, ReLU, linear: batch statistics tell the modes apart."""

    def __init__(self, inputs, dim):
        super().__init__()
        self.dim = dim
        self.first, self.norm = nn.Linear(inputs, 8), nn.BatchNorm1d(8)
        self.last = nn.Linear(8, dim)

    def forward(self, x):
        return self.last(self.norm(self.first(x)).relu())


class Toy(Task):
    """A task whose encoders are of given, unequal widths."""

    def encoder(self, modality, stream=""):
        i = self.modalities.index(modality)
        torch.manual_seed(i)
        return Encoder(INPUTS[i], WIDTHS[len(self.modalities)][i])


def built(modalities, **changes):
    names = [f"m{i}" for i in range(modalities)]
    shapes = {m: Modality("vector", (INPUTS[i],)) for i, m in enumerate(names)}
    task = Toy(DatasetSpec("toy", CLASSES, shapes), NetworkConfig(), 0)
    settings = SETTINGS | changes
    config = DIMML.Config(duc_start=DUC_EPOCH / EPOCHS, fusion_epochs=0.5, **settings)
    return DIMML(task, config).double()


def drawn(modalities):
    """A fixed training set in float64."""
    torch.manual_seed(modalities + 20)
    labels = torch.arange(SAMPLES) % CLASSES
    centres = [torch.randn(CLASSES, INPUTS[i]).double() for i in range(modalities)]
    inputs = {f"m{i}": c[labels] + torch.randn(SAMPLES, INPUTS[i]) for i, c in enumerate(centres)}
    return Batch(
        inputs, labels, torch.arange(SAMPLES), torch.ones(SAMPLES, modalities, dtype=torch.bool)
    )


def rows(data, index):
    inputs = {m: x[index] for m, x in data.inputs.items()}
    return Batch(inputs, data.label[index], index, data.keep[index])


def batches(data):
    torch.manual_seed(7)
    return [rows(data, torch.randperm(SAMPLES)[:BATCH]) for _ in range(STEPS)]


def ordered(data):
    """What TrainData.ordered gives, in float64."""
    return SimpleNamespace(ordered=lambda: [rows(data, i) for i in torch.arange(SAMPLES).split(25)])


def named(method):
    """Weights and running statistics by the reference's names."""
    state = {k: v for k, v in method.state_dict().items() if k != "effective"}
    return {k.replace("shared.0.", "shared."): v for k, v in state.items()}


def same(method, reference):
    state = named(method)
    assert state.keys() == reference.weights.keys()
    for name, value in state.items():
        assert value.dtype == torch.float64 or name.endswith("tracked")
        expected = reference.weights[name].detach()
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-9, msg=lambda s, n=name: n + s)


def stage_1(method, reference, data):
    """Yields after every step. The dimensions are chosen before the first step with DUC."""
    stage = method.stages(EPOCHS)[0]
    optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
    steps = {e: batches(data)[e::EPOCHS] for e in range(EPOCHS)}
    for epoch in range(EPOCHS):
        set_modes(method, stage)
        stage.start_epoch(ordered(data), Clock(epoch, EPOCHS, 0, 1))
        if epoch == DUC_EPOCH:
            reference.select(data.inputs, data.label, CLASSES)
        for batch in steps[epoch]:
            stage.step(batch, optimizer, Clock(epoch, EPOCHS, 0, 1))
            reference.detached_step(batch.inputs, batch.label)
            yield epoch


def stage_2(method, reference, data):
    stage = method.stages(EPOCHS)[1]
    optimizer = build_optimizer(stage, TrainConfig(**RECIPE))
    set_modes(method, stage)
    for batch in batches(data):
        stage.step(batch, optimizer, Clock(0, stage.epochs, 0, STEPS))
        reference.fusion_step(batch.inputs, batch.label)
        yield


def pair(modalities, **changes):
    method, data = built(modalities, **changes), drawn(modalities)
    sgd, settings = tuple(RECIPE.values()), SETTINGS | changes
    reference = Reference(named(method), list(method.modalities), sgd, **settings)
    return method, reference, data


@pytest.mark.parametrize(
    ("modalities", "changes"),
    [(2, {}), (3, {}), (2, {"shared_weight": 0.0}), (2, {"duc_weight": 0.0})],
)
def test_every_step_of_both_stages_and_the_answer_are_the_papers(modalities, changes):
    method, reference, data = pair(modalities, **changes)
    epochs = []
    for epoch in stage_1(method, reference, data):
        same(method, reference)
        epochs.append(epoch)
    assert len(epochs) == STEPS and min(epochs) < DUC_EPOCH <= max(epochs)
    for _ in stage_2(method, reference, data):
        same(method, reference)
    method.eval()
    answer = method.predict(data).logits
    torch.testing.assert_close(answer, reference.predict(data.inputs), rtol=0, atol=1e-9)


@pytest.mark.parametrize("modalities", [2, 3])
def test_the_chosen_dimensions_are_the_papers_and_teach_something(modalities):
    method, reference, data = pair(modalities)
    list(stage_1(method, reference, data))
    ours = [set(row.nonzero()[:, 0].tolist()) for row in method.effective]
    assert ours == reference.effective
    assert any(t - s for t in ours for s in ours)


def test_narrow_encoders_are_projected_to_the_widest():
    method = built(3)
    assert set(method.project) == {"m0", "m2"} and set(method.dims.values()) == {7}
    assert not built(2).project
