"""What MMPareto claims: two gradients of an encoder in one that harms neither and is not short."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.joint_uni import JointUni
from bench.methods.mmpareto import MMPareto, flat, pareto_weight, rescaling
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality

CLASSES = 3
WIDTHS = {"m0": 6, "m1": 4, "m2": 5}
ANY = Clock(0, 1, 0, 1)


def method_of(cls=MMPareto, modalities=2, fusion="concat", **settings):
    kinds = {m: Modality("vector", (WIDTHS[m],)) for m in list(WIDTHS)[:modalities]}
    network = NetworkConfig(fusion=fusion, dim=8)
    task = Task(DatasetSpec("toy", CLASSES, kinds), network, 0)
    return cls(task, cls.Config(**settings)).double().train()


def batch_of(size=7, modalities=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        m: torch.randn(size, WIDTHS[m], generator=generator, dtype=torch.float64)
        for m in list(WIDTHS)[:modalities]
    }
    label = torch.randint(CLASSES, (size,), generator=generator)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, modalities, dtype=torch.bool))


def step(method, batch):
    """name -> gradient as the optimizer finds it; the weights stay."""
    method.step(batch, SGD(method.parameters(), lr=0.0), ANY)
    return {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}


def aligned(method, sign=1.0, scale=1.0):
    """Own heads that are the fused head's block, or its opposite: gradients agree, or do not."""
    with torch.no_grad():
        blocks = method.head.linear.weight.chunk(len(method.own), dim=1)
        for head, block in zip(method.own.values(), blocks, strict=True):
            head.weight.copy_(sign * scale * block)
    return method


def drawn(seed):
    """Two gradients of an encoder with three tensors."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4, 3), (4,), (2, 4))
    return [
        [torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes]
        for _ in range(2)
    ]


def conflicting(seed):
    fused, own = drawn(seed)
    sign = -torch.sign(flat(fused) @ flat(own))
    return fused, [sign * o * (1 + seed) for o in own]


def losses(method, batch):
    """(the fused loss, each modality's own)."""
    out = method(batch)
    own = {m: cross_entropy(u, batch.label) for m, u in out.unimodal.items()}
    return cross_entropy(out.logits, batch.label), own


@pytest.mark.parametrize("rescaled", ["tensor", "encoder"])
def test_without_conflict_the_gradient_is_gamma_times_the_sum(rescaled):
    fused, own = drawn(0)
    own = [o if flat(fused) @ flat(own) > 0 else -o for o in own]
    method = method_of(gamma=1.5, rescaled=rescaled)
    for f, o, found in zip(fused, own, method.integrated(fused, own), strict=True):
        assert torch.equal(found, 1.5 * (f + o))


def test_a_conflict_is_resolved_in_a_direction_that_harms_neither():
    for seed in range(30):
        fused, own = map(flat, conflicting(seed))
        w = pareto_weight(fused, own)
        new = 2 * w * fused + 2 * (1 - w) * own
        assert 0 <= w <= 1 and new @ fused >= -1e-12 and new @ own >= -1e-12
        assert new.norm() <= (fused + own).norm() * (1 + 1e-12)


def test_the_weight_makes_the_combination_as_short_as_can_be():
    for seed in range(10):
        fused, own = map(flat, conflicting(seed))
        w, others = pareto_weight(fused, own), torch.linspace(0, 1, 101)
        lengths = torch.stack([(v * fused + (1 - v) * own).norm() for v in others])
        assert (w * fused + (1 - w) * own).norm() <= lengths.min() + 1e-12


def test_a_longer_gradient_weighs_less():
    fused, own = map(flat, conflicting(2))
    weights = torch.stack([pareto_weight(fused, k * own) for k in (0.5, 1.0, 2.0, 8.0)])
    assert (weights.diff() > 0).all()
    equal = own * fused.norm() / own.norm()
    torch.testing.assert_close(pareto_weight(fused, equal).item(), 0.5)


def test_opposite_gradients_leave_nothing_and_nothing_infinite():
    fused = drawn(3)[0]
    for found in method_of().integrated(fused, [-f for f in fused]):
        assert not found.any()
    for found in method_of().integrated([0 * f for f in fused], [0 * f for f in fused]):
        assert not found.any()


def test_no_tensor_is_shorter_than_in_the_sum():
    method = method_of(gamma=0.8)
    for seed in range(10):
        fused, own = conflicting(seed)
        for f, o, found in zip(fused, own, method.integrated(fused, own), strict=True):
            assert found.norm() >= 0.8 * (f + o).norm() * (1 - 1e-12)


def test_one_factor_for_the_encoder_gives_it_the_norm_of_the_sum():
    fused, own = conflicting(4)
    found = flat(method_of(gamma=0.8, rescaled="encoder").integrated(fused, own))
    torch.testing.assert_close(found.norm(), 0.8 * (flat(fused) + flat(own)).norm())


def test_a_zero_tensor_stays_zero():
    assert rescaling(torch.zeros(3), torch.ones(3)) == 1


@pytest.mark.parametrize("modalities", [2, 3])
def test_heads_learn_as_with_a_plain_sum_of_losses(modalities):
    batch = batch_of(modalities=modalities)
    plain = step(method_of(JointUni, modalities), batch)
    found = step(method_of(modalities=modalities, gamma=3.0), batch)
    assert found.keys() == plain.keys()
    for name, gradient in found.items():
        if not name.startswith("encoders"):
            torch.testing.assert_close(gradient, plain[name], rtol=1e-12, atol=1e-15)


def test_without_conflict_and_with_gamma_one_it_is_the_plain_sum_of_losses():
    batch = batch_of()
    plain = step(aligned(method_of(JointUni)), batch)
    for name, gradient in step(aligned(method_of(gamma=1.0)), batch).items():
        torch.testing.assert_close(gradient, plain[name], rtol=1e-12, atol=1e-15)


def test_an_encoder_does_not_see_the_others_own_losses():
    batch, found = batch_of(), []
    for scale in (1.0, -4.0):
        method = method_of()
        with torch.no_grad():
            method.own["m1"].weight.mul_(scale)
        found.append(step(method, batch))
    for name in found[0]:
        same = torch.equal(found[0][name], found[1][name])
        assert same == (not name.startswith(("encoders.m1", "own.m1"))), name


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_frozen_and_unused_tensors_get_no_gradient_and_the_rest_does(fusion):
    method = method_of(fusion=fusion)
    encoder = method.encoders["m0"]
    encoder.unused = nn.Parameter(torch.ones(2))
    frozen = next(encoder.parameters()).requires_grad_(False)
    step(method, batch_of())
    for p in encoder.parameters():
        assert (p.grad is None) == (p is encoder.unused or p is frozen)


def planted():
    """A task on which an encoder's own loss, the smaller one, conflicts with the fused loss."""
    return aligned(method_of(gamma=1.0), sign=-1.0, scale=0.3), batch_of(size=40)


def changes(method, batch):
    """How a short step of the first encoder alone changes the fused and its own loss."""
    before = losses(method, batch)
    method.step(batch, SGD(method.encoders["m0"].parameters(), lr=1e-4), ANY)
    after = losses(method, batch)
    return after[0] - before[0], after[1]["m0"] - before[1]["m0"]


def test_a_step_serves_both_losses_where_their_sum_would_raise_one():
    method, batch = planted()
    plain = method_of(JointUni)
    plain.load_state_dict(method.state_dict())
    fused, own = changes(plain, batch)
    assert fused < 0 < own  # what the method is there to cure
    fused, own = changes(method, batch)
    assert fused < 0 and own < 0
