"""What OGM and OGM-GE claim: who is slowed, by how much, what gets noise, and when."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods import ogm as module
from bench.methods.joint import Joint
from bench.methods.ogm import OGM, coefficients, noise_deviation, ratios, scores
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality

CLASSES = 3
KINDS = {  # a perceptron, and convolutions with batch norms
    "m0": Modality("vector", (6,)),
    "m1": Modality("image", (1, 12, 12)),
    "m2": Modality("vector", (4,)),
}
DURING, AFTER = Clock(0, 100, 0, 1), Clock(51, 100, 0, 1)


def task_of(modalities=2, fusion="concat", seed=0):
    kinds = dict(list(KINDS.items())[:modalities])
    return Task(DatasetSpec("toy", CLASSES, kinds), NetworkConfig(fusion=fusion, dim=8), seed)


def ogm(modalities=2, fusion="concat", seed=0, **settings):
    return OGM(task_of(modalities, fusion, seed), OGM.Config(**settings)).train()


def batch_of(size=5, modalities=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    kinds = list(KINDS.items())[:modalities]
    inputs = {m: torch.randn(size, *info.shape, generator=generator) for m, info in kinds}
    label = torch.randint(CLASSES, (size,), generator=generator)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, modalities, dtype=torch.bool))


def logits_of(modalities, size=6, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    draws = scale * torch.randn(modalities, size, CLASSES, generator=generator)
    label = torch.randint(CLASSES, (size,), generator=generator)
    return {f"m{i}": u for i, u in enumerate(draws)}, label


def gradients(method, batch, clock=DURING):
    """name -> gradient as the optimizer's step finds it; the weights stay."""
    method.step(batch, SGD(method.parameters(), lr=0.0), clock)
    return {k: p.grad.clone() for k, p in method.named_parameters()}


def plain_gradients(batch, **options):
    return gradients(Joint(task_of(**options), Joint.Config()).train(), batch)


def unequal(monkeypatch, **factor):
    """Gives the modalities these coefficients."""
    given = {m: torch.tensor(k) for m, k in factor.items()}
    monkeypatch.setattr(module, "coefficients", lambda *_: given)


def weights_of_encoders(method):
    """Names of what may be modulated."""
    return {k for k, p in method.encoders.named_parameters(prefix="encoders") if p.ndim >= 2}


@pytest.mark.parametrize("modalities", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tie_of_all_slows_nobody(modalities, dtype):
    for seed in range(50):
        unimodal, label = logits_of(1, size=1 + seed, seed=seed, scale=3)
        tied = {f"m{i}": unimodal["m0"].to(dtype) for i in range(modalities)}
        assert all(k == 1 for k in coefficients(tied, label, 0.8).values())


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_coefficients_lie_between_zero_and_one_and_somebody_is_left_alone(modalities):
    slowed = set()
    for seed in range(50):
        k = torch.stack(list(coefficients(*logits_of(modalities, seed=seed), 0.8).values()))
        assert ((k > 0) & (k <= 1)).all() and (k == 1).any()
        slowed.add(int((k < 1).sum()))
    assert slowed == set(range(1, modalities))  # at two modalities exactly one


def test_the_modality_ahead_is_the_one_that_is_slowed():
    label = torch.tensor([0, 1])
    sure = 3 * nn.functional.one_hot(label, CLASSES).float()
    factor = coefficients({"m0": sure, "m1": torch.zeros(2, CLASSES)}, label, 0.5)
    probability = torch.tensor(3.0).exp() / (torch.tensor(3.0).exp() + 2)
    expected = 1 - torch.tanh(0.5 * probability * CLASSES)
    torch.testing.assert_close(factor["m0"], expected, rtol=1e-6, atol=0)
    assert factor["m1"] == 1


def test_swapping_the_modalities_swaps_the_coefficients():
    for seed in range(10):
        unimodal, label = logits_of(2, seed=seed)
        there = coefficients(unimodal, label, 0.8)
        back = coefficients(dict(reversed(unimodal.items())), label, 0.8)
        assert there == back and len(set(there.values())) == 2


def test_a_constant_on_all_logits_of_a_sample_changes_nothing():
    unimodal, label = logits_of(3)
    shifted = {m: u + torch.linspace(-9, 9, len(u))[:, None] for m, u in unimodal.items()}
    torch.testing.assert_close(scores(shifted, label), scores(unimodal, label), rtol=1e-5, atol=0)


def test_the_ratio_is_over_the_mean_of_the_others():
    expected = torch.tensor([1 / 2.5, 2 / 2, 3 / 1.5], dtype=torch.float64)
    score = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(ratios(score), expected, rtol=1e-12, atol=0)
    assert torch.equal(ratios(score[1:]), torch.tensor([2 / 3, 3 / 2], dtype=torch.float64))


def test_a_small_alpha_slows_nobody():
    unimodal, label = logits_of(2)
    slow = {a: min(coefficients(unimodal, label, a).values()) for a in (1e-4, 0.1, 0.8)}
    assert slow[0.8] < slow[0.1] < slow[1e-4] < 1
    assert 1 - slow[1e-4] < 1e-3


def test_logits_that_leave_no_probability_give_finite_coefficients():
    label = torch.zeros(2, dtype=torch.long)
    hopeless = torch.tensor([[-1e4, 1e4, 0.0]] * 2)
    for other in (hopeless, torch.zeros(2, CLASSES), -hopeless):
        factor = torch.stack(list(coefficients({"m0": hopeless, "m1": other}, label, 0.8).values()))
        assert factor.isfinite().all() and factor[0] == 1


def test_scores_and_coefficients_carry_no_graph():
    unimodal, label = logits_of(2)
    unimodal = {m: u.requires_grad_() for m, u in unimodal.items()}
    assert not scores(unimodal, label).requires_grad
    assert not any(k.requires_grad for k in coefficients(unimodal, label, 0.8).values())


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_the_shares_sum_to_the_fused_logits(fusion):
    method = ogm(3, fusion)
    dims = {"m0": 3, "m1": 5, "m2": 2}
    method.head = method.task.fusion(dims)
    for p in method.head.parameters():
        nn.init.normal_(p)  # biases start at zero
    features = {m: torch.randn(4, d) for m, d in dims.items()}
    shares = torch.stack(list(method.shares(features).values()))
    torch.testing.assert_close(shares.sum(dim=0), method.head(features), rtol=1e-5, atol=1e-5)


def test_a_share_depends_on_its_own_modality_alone():
    method, batch = ogm(), batch_of()
    features = method.encode(batch)
    changed = features | {"m1": features["m1"] + 1}
    before, after = method.shares(features), method.shares(changed)
    assert torch.equal(before["m0"], after["m0"]) and not torch.equal(before["m1"], after["m1"])


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("size", [1, 5])
def test_weights_of_encoders_are_scaled_and_all_else_is_left(modalities, size):
    batch = batch_of(size, modalities)
    method = ogm(modalities, noise_scale=0.0)
    factor = coefficients(method(batch).unimodal, batch.label, 0.8)
    assert min(factor.values()) < 1
    chosen = weights_of_encoders(method)
    plain = plain_gradients(batch, modalities=modalities)
    for name, gradient in gradients(method, batch).items():
        k = factor[name.split(".")[1]] if name in chosen else 1
        assert torch.equal(gradient, k * plain[name]), name
    assert 0 < len(chosen) < len(plain)


@pytest.mark.parametrize("noise_scale", [0.0, 1.0])
def test_outside_the_window_a_step_is_joint_training_to_the_bit(noise_scale):
    batch = batch_of()
    joint, ours = Joint(task_of(), Joint.Config()), ogm(noise_scale=noise_scale)
    for method in (joint.train(), ours):
        optimizer = SGD(method.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
        for _ in range(3):
            method.step(batch, optimizer, AFTER)
    for p, q in zip(joint.parameters(), ours.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("noise_scale", [0.0, 1.0])
def test_both_ends_of_the_window_are_inside(noise_scale):
    batch = batch_of()
    plain = plain_gradients(batch)
    settings = {"start": 0.2, "end": 0.5, "noise_scale": noise_scale}
    modulated = []
    for epoch in range(10):
        found = gradients(ogm(**settings), batch, Clock(epoch, 10, 0, 1))
        if any(not torch.equal(found[k], plain[k]) for k in plain):
            modulated.append(epoch)
    assert modulated == [2, 3, 4, 5]


def test_the_default_window_is_the_papers():
    batch = batch_of()
    plain = plain_gradients(batch)
    for epoch, inside in ((0, True), (50, True), (51, False), (99, False)):
        found = gradients(ogm(), batch, Clock(epoch, 100, 0, 1))
        assert inside == any(not torch.equal(found[k], plain[k]) for k in plain)


def noise_of(method, batch, plain, factor):
    """What is left of each modulated gradient without k times the plain one."""
    found = gradients(method, batch)
    chosen = weights_of_encoders(method)
    return {k: found[k] - factor[k.split(".")[1]] * plain[k] for k in chosen}


def test_noise_has_no_mean_and_the_plain_gradients_deviation(monkeypatch):
    batch, factor = batch_of(), {"m0": 0.3, "m1": 1.0}
    unequal(monkeypatch, **factor)
    plain, method, draws = plain_gradients(batch), ogm(), 200
    found = [noise_of(method, batch, plain, factor) for _ in range(draws)]
    for name in weights_of_encoders(method):
        noise = torch.stack([f[name] for f in found]) / (plain[name].std() + 1e-8)
        assert noise.mean().abs() < 4 / noise.numel() ** 0.5, name
        assert (noise.var() - 1).abs() < 4 * (2 / noise.numel()) ** 0.5, name
        assert noise.mean(dim=0).abs().max() < 6 / draws**0.5, name  # entry by entry
        some = noise.flatten(1)[:, :200].T
        assert (some.corrcoef() - torch.eye(len(some))).abs().max() < 8 / draws**0.5, name


def test_the_deviation_is_the_unbiased_one_of_the_entries():
    gradient = torch.tensor([[1.0, 2.0], [3.0, 6.0]], dtype=torch.float64)
    expected = torch.tensor(14 / 3, dtype=torch.float64).sqrt() + 1e-8
    torch.testing.assert_close(noise_deviation(gradient), expected, rtol=1e-12, atol=0)


def test_halving_k_leaves_the_noise(monkeypatch):
    batch = batch_of()
    plain, found = plain_gradients(batch), []
    for k in (0.5, 0.25):
        factor = {"m0": k, "m1": k}
        unequal(monkeypatch, **factor)
        found.append(noise_of(ogm(), batch, plain, factor))
    for name, noise in found[0].items():
        torch.testing.assert_close(noise, found[1][name], rtol=1e-4, atol=1e-7)
        assert noise.any()


def test_noise_scale_multiplies_the_noise(monkeypatch):
    batch, factor = batch_of(), {"m0": 0.5, "m1": 1.0}
    unequal(monkeypatch, **factor)
    plain = plain_gradients(batch)
    once = noise_of(ogm(), batch, plain, factor)
    thrice = noise_of(ogm(noise_scale=3.0), batch, plain, factor)
    for name, noise in once.items():
        torch.testing.assert_close(3 * noise, thrice[name], rtol=1e-4, atol=1e-6)


def test_weights_get_noise_even_where_nobody_is_slowed_and_nothing_else_does(monkeypatch):
    unequal(monkeypatch, m0=1.0, m1=1.0)
    batch, method = batch_of(), ogm()
    plain, chosen = plain_gradients(batch), weights_of_encoders(method)
    for name, gradient in gradients(method, batch).items():
        assert torch.equal(gradient, plain[name]) == (name not in chosen), name


def test_noise_changes_with_every_step_and_repeats_with_the_seed():
    batch = batch_of()
    runs = []
    for state in (1, 2):
        torch.manual_seed(state)  # of the global generator, which is not asked
        method = ogm()
        runs.append([gradients(method, batch) for _ in range(2)])
    name = next(iter(weights_of_encoders(method)))
    assert not torch.equal(runs[0][0][name], runs[0][1][name])
    for first, second in zip(*runs, strict=True):
        assert all(torch.equal(first[k], second[k]) for k in first)


def test_another_seed_draws_other_noise():
    weights, noise = ogm(seed=1).state_dict(), []
    for seed in (1, 2):
        method = ogm(seed=seed)
        method.load_state_dict(weights)
        noise.append(gradients(method, batch_of())["encoders.m0.blocks.1.weight"])
    assert not torch.equal(*noise)


def test_a_weight_of_a_single_entry_stays_finite_and_plain():
    method, batch = ogm(), batch_of()
    method.encoders["m0"].scale = nn.Parameter(torch.ones(1, 1))
    out = method(batch)
    (method.loss(out, batch, DURING) * method.encoders["m0"].scale.sum()).backward()
    before = method.encoders["m0"].scale.grad.clone()
    method.adjust_gradients(out, batch, DURING)
    assert torch.equal(method.encoders["m0"].scale.grad, before) and before.isfinite().all()


def test_modalities_without_convolutions_are_named_as_a_departure():
    (text,) = ogm(3).departures()
    assert text.startswith("it modulates the matrices of m0 and m2 too")
    method = ogm(2)
    method.encoders["m0"] = method.encoders["m1"]
    assert not method.departures()
