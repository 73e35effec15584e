"""What valuation claims: contributions that add up, and copies for what contributes little."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from bench.methods.valuation import Valuation, amounts, benefits, copies, shapley, with_copies
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, method_of
from tests.helpers.training import spec_of, trainer_of

CLASSES, WIDTH = 3, 2


class Votes(nn.Module):
    """Features are logits, summed."""

    def forward(self, features):
        return sum(features.values())


def valued(modalities, samples=200, seed=0):
    """Benefits of random features and which samples all modalities together answer rightly."""
    draw = torch.Generator().manual_seed(seed)
    label = torch.randint(CLASSES, (samples,), generator=draw)
    features = {f"m{i}": torch.randn(samples, CLASSES, generator=draw) for i in range(modalities)}
    features["m0"][range(samples), label] += 1
    return benefits(Votes(), features, label), features, label


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_contributions_sum_to_the_benefit_of_all(modalities):
    benefit, *_ = valued(modalities)
    assert set(benefit[-1].tolist()) == {0, modalities} and not benefit[0].any()
    torch.testing.assert_close(shapley(benefit).sum(dim=0), benefit[-1].double())


def test_benefits_are_of_the_modalities_that_their_row_says():
    benefit, features, label = valued(3)
    for row, subset in ((1, ["m0"]), (4, ["m2"]), (6, ["m1", "m2"])):
        right = sum(features[m] for m in subset).argmax(dim=1) == label
        assert torch.equal(benefit[row], len(subset) * right)


def test_of_two_modalities_the_contribution_has_its_closed_form():
    benefit, *_ = valued(2)
    a, b, both = benefit[1], benefit[2], benefit[3] / 2  # c_S, right or not
    assert torch.equal(shapley(benefit), torch.stack([a + 2 * both - b, b + 2 * both - a]) / 2)


def test_like_modalities_contribute_alike():
    _, features, label = valued(3)
    features["m1"] = features["m2"]
    first, second, third = shapley(benefits(Votes(), features, label))
    assert torch.equal(second, third) and not torch.equal(first, second)


def test_modalities_that_are_right_by_themselves_and_together_contribute_one_exactly():
    for modalities in (2, 3, 4, 5):
        benefit = torch.tensor([[s.bit_count()] for s in range(2**modalities)])
        assert torch.equal(shapley(benefit), torch.ones(modalities, 1).double())


def test_how_often_a_sample_is_added():
    phi = torch.tensor([-0.5, 0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
    assert copies(phi).tolist() == [3, 2, 1, 0, 0]


def test_originals_are_there_once_whole_and_copies_show_one_modality():
    added = torch.tensor([[0, 2], [1, 0], [0, 3]])  # of three modalities, to two samples
    index, keep = with_copies(torch.tensor([4, 9]), added)
    assert index.tolist() == [4, 9, 4, 9, 9, 9, 9, 9]
    assert [k.nonzero()[:, 0].tolist() for k in keep[2:]] == [[1], [0], [0], [2], [2], [2]]
    assert keep[:2].all()


def test_the_larger_the_gap_the_more_samples_and_none_at_a_tie():
    assert amounts(torch.tensor([0.0, 1.0]).double(), 1.0, 300) == [0, 200]
    assert amounts(torch.tensor([0.25, 0.1]).double(), 0.5, 310) == [15, 0]
    assert amounts(torch.tensor([0.5, 0.2, 0.5]).double(), 1.0, 101) == [20, 0, 20]
    assert amounts(torch.tensor([0.3, 0.3]).double(), 1.0, 300) == [0, 0]


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
@pytest.mark.parametrize("modality", ["m0", "m1"])
def test_rows_without_a_modality_give_its_encoder_no_gradient(modality, fusion):
    method, batch = method_of(Valuation, 2, fusion), batch_of()
    batch.keep[:, method.modalities.index(modality)] = False
    method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    assert not any(p.grad.any() for p in method.encoders[modality].parameters())


LEVELS = ["sample", "modality"]


def trained(level, epochs=4, modalities=2, **settings):
    """A trainer, its data as they are in the last epoch."""
    spec = spec_of(f"valuation-{level}", epochs=epochs, modalities=modalities, **settings)
    trainer = trainer_of(spec)
    trainer.train()
    return trainer


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("level", LEVELS)
def test_every_set_is_the_originals_and_copies_of_their_own(level, modalities):
    trainer = trained(level, modalities=modalities)
    method, data = trainer.method, trainer.data
    for seed in (0, 0, 1):
        method.generator.manual_seed(seed)
        before = data.index, data.keep
        method.start_epoch(data, Clock(3, 4, 0, 1))
        whole = data.keep.all(dim=1)
        assert data.index[whole].tolist() == list(range(203))
        assert (data.keep[~whole].sum(dim=1) == 1).all() and not whole.all()
        same = torch.equal(before[0], data.index) and torch.equal(before[1], data.keep)
        assert sum(map(len, (b.index for b in data))) == len(data.index)
    assert same == (level == "sample")  # which draws nothing


def test_at_the_modality_level_only_a_part_is_valued(monkeypatch):
    trainer, seen = trained("modality", part_ratio=0.3), []
    real = Valuation.contributions
    monkeypatch.setattr(
        Valuation, "contributions", lambda self, p: (seen.append(p.index), real(self, p))[1]
    )
    trainer.method.start_epoch(trainer.data, Clock(3, 4, 0, 1))
    (part,) = seen
    assert len(part) == 60 and len(part.unique()) < 60


def test_warm_up_is_over_after_its_epochs():
    trainer = trainer_of(spec_of("valuation-sample", epochs=12, warmup=0.25))
    for epoch, whole in ((0, True), (2, True), (3, False)):
        trainer.method.start_epoch(trainer.data, Clock(epoch, 12, 0, 1))
        assert trainer.data.keep.all() == whole


@pytest.mark.parametrize("level", LEVELS)
def test_the_noisier_modality_is_trained_on_more_by_itself_and_contributes_more(level):
    """m1 is mostly noise, and joint training leaves it behind. Without a validation split the last
    epoch's weights stay."""
    ours, joint = (trained(level, 8, split="literature", **s) for s in ({}, {"warmup": 1.0}))
    alone = ours.data.keep[203:].sum(dim=0).tolist()
    assert alone[1] > 10 * alone[0] and len(joint.data.keep) == 203
    phi = [t.method.contributions(t.data.ordered()).mean(dim=1)[1] for t in (ours, joint)]
    assert phi[1] + 0.03 < phi[0] < 1
