"""What OPM claims: who leads is dropped now and then, so that the others learn to answer."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.methods.joint import Joint
from bench.methods.opm import OPM, drop_rates, lost_share, modulated_features, ratios
from bench.types import Clock
from tests.helpers.small_task import batch_of, gradients, method_of
from tests.helpers.training import fit

LATER = Clock(50, 100, 0, 1)  # after the warm-up


@pytest.mark.parametrize("modalities", [2, 3, 5])
def test_the_weakest_is_never_dropped_and_a_tie_drops_nobody(modalities):
    draw = torch.Generator().manual_seed(0)
    for _ in range(50):
        score = 9 * torch.rand(modalities, generator=draw)
        rate = drop_rates(ratios(score), 0.5, 0.5)
        assert rate[score.argmin()] == 0 and rate.max() > 0
        assert ((rate == 0) | ((rate >= 0.5) & (rate <= 0.75))).all()
        assert not drop_rates(ratios(score[:1].repeat(modalities)), 0.5, 0.5).any()


def test_rates_grow_with_the_lead_and_follow_the_modality():
    rate = drop_rates(torch.tensor([0.9, 1.0, 1.1, 2.0, 90.0]), 0.5, 0.5)
    assert (rate.diff() >= 0).all() and rate[:2].tolist() == [0, 0] and rate[-1] == 0.75
    score, order = torch.tensor([3.0, 1.0, 7.0], dtype=torch.float64), [2, 0, 1]
    torch.testing.assert_close(ratios(score)[order], ratios(score[order]))
    torch.testing.assert_close(ratios(20 * score), ratios(score))
    assert drop_rates(torch.tensor([50.0]), 1.0, 0.5) == 1  # never more


def test_a_modality_without_any_score_breaks_nothing():
    assert drop_rates(ratios(torch.tensor([0.0, 0.0])), 0.5, 0.5).tolist() == [0, 0]
    assert drop_rates(ratios(torch.tensor([1.0, 0.0])), 0.5, 0.5).tolist() == [0.75, 0]


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_in_the_warm_up_or_without_a_chance_the_step_is_joint_trainings(fusion, modalities):
    batch = batch_of(modalities=modalities)
    plain = gradients(method_of(Joint, modalities, fusion), batch)
    for settings, clock in (({}, Clock(5, 100, 0, 1)), ({"chance": 0.0}, LATER)):
        ours = gradients(method_of(OPM, modalities, fusion, **settings), batch, clock)
        assert all(torch.equal(ours[k], g) for k, g in plain.items())
    other = gradients(method_of(OPM, modalities, fusion, chance=1.0), batch, LATER)
    assert not all(torch.equal(other[k], g) for k, g in plain.items())


class Watched(OPM):
    """Keeps what went into the head."""

    def build_head(self):
        head = super().build_head()
        head.register_forward_pre_hook(lambda _, inputs: self.seen.append(inputs[0]))
        self.seen = []
        return head


@pytest.mark.parametrize("rescale", [True, False])
def test_no_gradient_passes_through_scores_rates_or_the_divisor(rescale):
    method = method_of(Watched, 3, chance=1.0, rescale=rescale)
    batch, plain = batch_of(30, 3), method_of(Joint, 3)
    plain.load_state_dict(method.state_dict())
    ours = gradients(method, batch, LATER)
    left, whole = method.seen[-1], plain.encode(batch)
    constant = {m: torch.nan_to_num(left[m].detach() / z.detach()) for m, z in whole.items()}
    loss = cross_entropy(plain.head({m: z * constant[m] for m, z in whole.items()}), batch.label)
    loss.backward()
    for name, p in plain.named_parameters():
        torch.testing.assert_close(ours[name], p.grad, rtol=1e-4, atol=1e-6)
    assert any((c == 0).all(dim=1).any() for c in constant.values())


@pytest.mark.parametrize("chance", [1.0, 0.4])
def test_whole_features_are_dropped_as_often_as_the_rates_say(chance):
    method, batch = method_of(Watched, 3, chance=chance), batch_of(60, 3)
    counts, expected, theta = torch.zeros(3), torch.zeros(3), []
    plain = method_of(Joint, 3).encode(batch)
    optimizer = SGD(method.parameters(), lr=0.0)
    for _ in range(60):
        report = method.step(batch, optimizer, LATER)
        rate = torch.stack([report[f"drop rate {m}"] for m in method.modalities])
        left = method.seen[-1]
        for i, (m, z) in enumerate(plain.items()):
            gone = (left[m] == 0).all(dim=1)
            counts[i] += gone.float().mean()
            factor = (left[m] / z)[~gone].nanmedian()
            theta.append((1 - 1 / factor).item())
        expected += chance * rate
    torch.testing.assert_close(counts, expected, rtol=0.15, atol=0.3)
    share = lost_share(rate, method.widths).item()
    possible = torch.tensor([0.0, share] if chance < 1 else [share])
    assert all((possible - t).abs().min() < 1e-5 for t in theta)


def test_what_is_left_is_divided_by_the_expected_share_of_widths():
    features = {"m0": torch.ones(2, 3), "m1": torch.ones(2, 1)}
    drops = torch.tensor([0.4, 0.0])
    lost = lost_share(drops, torch.tensor([3, 1]))
    assert lost.item() == pytest.approx(0.3)
    changed = modulated_features(features, torch.tensor([[True, True], [False, True]]), lost)
    torch.testing.assert_close(changed["m0"], torch.tensor([[1 / 0.7] * 3, [0.0] * 3]))
    torch.testing.assert_close(changed["m1"], torch.full((2, 1), 1 / 0.7))


def accuracy_alone(**settings):
    """Of the weaker modality's own share on test, mean over three seeds."""
    right = []
    for seed in range(3):
        trainer = fit("opm", epochs=8, seed=seed, **settings)
        logits = trainer.at.kept["last"]["test"]["unimodal"]["m1"]
        right.append((logits.argmax(dim=1) == trainer.evaluation.test.source.labels).float())
    return torch.cat(right).mean().item()


def test_the_weaker_modality_learns_to_answer():
    assert accuracy_alone() > accuracy_alone(chance=0.0) + 0.08
