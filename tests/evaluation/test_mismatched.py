"""Joined modalities of samples of different classes: who is joined, and what counts."""

import pytest
import torch

from bench.config.spec import NetworkConfig
from bench.evaluation.masking import reading
from bench.evaluation.mismatched import Mismatched, joined
from bench.methods.joint import Joint
from bench.networks.fusion import ConcatHead
from bench.networks.task import Task
from bench.seeds import generator
from bench.types import Batch, DatasetSpec, Modality
from tests.helpers.outside import Crossed

CLASSES = 4
LABELS = torch.arange(60) % CLASSES


def pairs(labels=LABELS, modalities=2, seed=0):
    return joined(labels, modalities, generator(seed, "mismatched"))


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_no_two_of_the_joined_samples_share_a_class(modalities):
    uneven = torch.tensor(([0] * 9 + [1, 3]) * 3 + [1, 4, 1])
    for labels in (LABELS, uneven):
        rows = pairs(labels, modalities)
        assert rows.shape == (modalities, len(labels))
        assert torch.equal(rows[0], torch.arange(len(labels)))
        assert all(len(column.unique()) == modalities for column in labels[rows].T)


def test_the_pairs_are_of_the_seed():
    assert torch.equal(pairs(), pairs()) and not torch.equal(pairs(), pairs(seed=1))


def test_every_sample_of_another_class_is_as_likely():
    """2000 samples of class 1 choose among one of class 0 and three of class 2."""
    labels = torch.tensor([2, 1, 0, 2, 2] + [1] * 2000)
    chosen = pairs(labels)[1][5:].bincount(minlength=5)
    assert chosen.sum() == 2000 and chosen[1] == 0
    assert all(abs(int(chosen[i]) - 500) < 4 * (2000 * 0.25 * 0.75) ** 0.5 for i in (0, 2, 3, 4))


def network(*weights, kind=Joint):
    """Its logits are the features, modality by modality times these weights."""
    names = [f"m{i}" for i in range(len(weights))]
    spec = DatasetSpec("toy", CLASSES, {m: Modality("vector", (CLASSES,)) for m in names})
    method = kind(Task(spec, NetworkConfig(dim=CLASSES), 0), kind.Config())
    method.head = ConcatHead(dict.fromkeys(names, CLASSES), CLASSES, "")
    with torch.no_grad():
        method.head.linear.weight.copy_(torch.cat([w * torch.eye(CLASSES) for w in weights], dim=1))
    return method


def share(method, labels=LABELS, seed=0, parts=(60,)):
    """Where each modality's features are its sample's class."""
    z = torch.eye(CLASSES)[labels]
    keep = torch.ones(len(labels), len(method.modalities), dtype=torch.bool)
    whole = Batch(dict.fromkeys(method.modalities, z), labels, torch.arange(len(labels)), keep)
    with reading(method) as reader:
        watcher = Mismatched(reader)
        for places in torch.arange(len(labels)).split(list(parts)):
            inputs = {m: x[places] for m, x in whole.inputs.items()}
            one = Batch(inputs, labels[places], places, keep[places])
            watcher.add(one, one, None)
        return watcher.share(seed)


def test_a_network_that_hears_both_has_both_labels_on_top():
    assert share(network(1.0, 1.0)) == 1.0
    assert share(network(1.0, 0.01)) == 1.0  # a whisper is enough: nothing else speaks
    assert share(network(1.0, 1.0, 1.0)) == 1.0


def test_a_network_that_hears_one_alone_has_the_other_label_by_luck():
    """Ties go to the lowest class: the second on top is class 0, or 1 beside label 0."""
    rows = pairs()
    first, second = LABELS[rows]
    expected = (second == (first == 0).long()).double().mean()
    assert share(network(1.0, 0.0)) == pytest.approx(float(expected))
    assert 0 < expected < 1


def test_a_network_that_takes_a_modality_the_wrong_way_has_none():
    assert share(network(1.0, -1.0)) == 0.0


def test_batches_play_no_part():
    weights = network(1.0, 0.0)
    assert share(weights) == share(weights, parts=(7, 50, 3))
    assert share(weights) != share(weights, seed=1)


def test_what_cannot_be_joined_has_no_number():
    assert share(network(1.0)) is None  # one modality
    assert share(network(1.0, 1.0, 1.0, 1.0)) is None  # all four classes are always on top
    assert share(network(1.0, 1.0), labels=torch.zeros(60, dtype=torch.long)) is None
    assert share(network(1.0, 1.0, kind=Crossed)) is None  # encoders that see one another
