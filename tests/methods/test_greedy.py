"""What Greedy claims: the branch whose gates learn ahead of it is cut off, and learns by itself."""

import copy
from dataclasses import replace
from io import BytesIO

import pytest
import torch
from torch.optim import SGD

from bench.methods.greedy import CutRule, Greedy, scaled, speed, squeezed
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of

LATER = Clock(3, 100, 0, 1)  # after the warm-up


def trained(method, steps, alpha_clock=LATER, optimizer=None):
    """Who was cut off in each step."""
    optimizer = optimizer or SGD(method.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    cuts = []
    for seed in range(steps):
        batch = batch_of(modalities=len(method.modalities), seed=seed)
        report = method.step(batch, optimizer, alpha_clock)
        cuts.append([m for m in method.modalities if report[f"cut off {m}"]])
    return cuts


@pytest.mark.parametrize("modalities", [2, 3])
def test_who_leads_is_cut_off_for_a_window_and_then_a_regular_step_follows(modalities):
    method = method_of(Greedy, modalities, alpha=0.0, window=3)
    assert trained(method, 2, FIRST) == [[], []]  # the warm-up
    cuts = trained(method, 9)
    assert cuts[0] == cuts[4] == cuts[8] == []
    for first in (1, 5):
        assert cuts[first] == cuts[first + 1] == cuts[first + 2] and len(cuts[first]) == 1
    fastest = method.modalities[int(method.rule.relative().argmax())]
    assert method.modalities[method.rule.cut] == fastest
    assert not any(trained(method_of(Greedy, modalities, alpha=50.0), 4))


def test_sums_grow_in_regular_steps_alone_from_the_first_on():
    method = method_of(Greedy, alpha=0.0, window=2)
    sums = []
    for clock in (FIRST, LATER, LATER, LATER, LATER):
        trained(method, 1, clock)
        sums.append(method.rule.sums.clone())
    assert (sums[0] > 0).all() and (sums[1] > sums[0]).all()
    assert torch.equal(sums[2], sums[1]) and torch.equal(sums[3], sums[1])
    assert (sums[4] > sums[3]).all()


def test_speeds_are_one_ratio_of_whole_sets():
    a, b = (torch.nn.Parameter(torch.tensor(x)) for x in ([3.0, 4.0], [[2.0]]))
    a.grad, b.grad = torch.tensor([1.0, 1.0]), torch.tensor([[5.0]])
    assert speed([a, b]).item() == pytest.approx(27 / 29)


def test_exchanged_modalities_exchange_who_is_cut_off_and_a_common_factor_changes_nothing():
    speeds = torch.tensor([[0.2, 0.5], [0.1, 0.6]])
    cuts = []
    for given in (speeds, speeds.flip(1), 7 * speeds):
        rule = CutRule(2)
        rule.observe(given, 0.01)
        cuts.append((rule.cut, (rule.relative()[0] - rule.relative()[1]).item()))
    assert cuts[0][0] == 0 and cuts[1][0] == 1
    assert cuts[1][1] == pytest.approx(-cuts[0][1]) and cuts[2][1] == pytest.approx(cuts[0][1])


@pytest.mark.parametrize("modalities", [2, 3])
def test_a_branch_that_is_cut_off_depends_on_its_own_input_alone(modalities):
    method, batch = method_of(Greedy, modalities), batch_of(modalities=modalities)
    inputs = {m: x.requires_grad_() for m, x in batch.inputs.items()}
    for cut in ((), *((m,) for m in method.modalities), method.modalities):
        out = method(batch, cut).unimodal
        for m, u in out.items():
            pulls = torch.autograd.grad(
                u.sum(), list(inputs.values()), retain_graph=True, allow_unused=True
            )
            reached = {k for k, g in zip(inputs, pulls, strict=True) if g is not None and g.any()}
            assert reached == ({m} if m in cut else set(inputs))


def test_its_gates_have_no_gradient_and_stay_whatever_the_momentum():
    method = method_of(Greedy, 3, alpha=0.0, window=4)
    optimizer = SGD(method.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    trained(method, 1, optimizer=optimizer)
    cut = method.modalities[method.rule.cut]
    before = copy.deepcopy(method.gates.state_dict())
    trained(method, 2, optimizer=optimizer)
    for name, weight in method.gates.state_dict().items():
        if "mean" not in name and "count" not in name:
            assert torch.equal(weight, before[name]) == (f"excite.{cut}." in name), name
    for gate in method.gates:
        assert all(p.grad is None for p in gate.excite[cut].parameters())
        assert all(p.grad.any() for p in gate.squeeze.parameters())


def test_running_means_are_of_all_training_batches_and_of_no_others():
    method, seen = method_of(Greedy, 3, alpha=0.0), []
    gate = method.gates[0]
    gate.squeeze.register_forward_hook(
        lambda _, __, e: seen.append({m: f(e.relu()).sigmoid() for m, f in gate.excite.items()})
    )
    trained(method, 4)
    for m, mean in gate.means().items():
        expected = torch.stack([g[m].mean(dim=0) for g in seen]).mean(dim=0)
        torch.testing.assert_close(mean, expected)
    before = gate.mean.clone()
    method.eval()
    method.predict(batch_of(modalities=3))
    assert torch.equal(gate.mean, before) and gate.count == 4


def test_gates_stand_behind_the_last_stages_of_every_encoder():
    kinds = {
        "m0": Modality("vector", (6,)),
        "m1": Modality("image", (1, 28, 28)),
        "m2": Modality("sequence", (5, 4)),
    }
    counts = []
    for names in (("m1", "m1"), ("m0", "m1"), ("m1", "m2")):
        spec = DatasetSpec("toy", 3, {f"m{i}": kinds[m] for i, m in enumerate(names)})
        method = Greedy(Task(spec, method_of(Greedy).task.network, 0), Greedy.Config())
        counts.append([g.squeeze.in_features for g in method.gates])
    assert counts == [[2 * 32, 2 * 64, 2 * 8], [64 + 8, 8 + 8], [8 + 8]]


def test_maps_and_frames_are_squeezed_to_samples_and_scaled_by_channel():
    x = torch.arange(2.0 * 3 * 4 * 5 * 5).view(2 * 3, 4, 5, 5)  # three frames of two samples
    expected = x.view(2, 3, 4, 25).mean(dim=(1, 3))
    torch.testing.assert_close(squeezed(x, 2), expected)
    gate = torch.rand(2, 4)
    torch.testing.assert_close(squeezed(scaled(x, gate), 2), gate * expected)
    assert torch.equal(squeezed(expected, 2), expected)


def test_a_window_that_was_begun_goes_on_after_reloading():
    method = method_of(Greedy, alpha=0.0, window=4)
    trained(method, 3)
    content = BytesIO()
    torch.save(method.state_dict(), content)
    other = method_of(Greedy, alpha=0.0, window=4, seed=1)
    content.seek(0)
    other.load_state_dict(torch.load(content, weights_only=True))
    assert other.rule.cut == method.rule.cut is not None
    assert trained(other, 7, optimizer=SGD(other.parameters(), 0.1)) == trained(
        method, 7, optimizer=SGD(method.parameters(), 0.1)
    )


def test_at_random_every_branch_and_none_have_equal_shares_after_the_warm_up():
    method = method_of(Greedy, balance="random")
    assert not any(trained(method, 5, FIRST))
    cuts = trained(method, 90)
    counts = [cuts.count(c) for c in ([], ["m0"], ["m1"])]
    assert sum(counts) == 90 and min(counts) > 18


def test_it_answers_with_the_mean_of_live_branches_and_reports_those_that_are_cut_off():
    method, batch = method_of(Greedy, 3), batch_of(modalities=3)
    trained(method, 2)
    method.eval()
    out, live, alone = method.predict(batch), method(batch), method(batch, method.modalities)
    assert torch.equal(out.logits, torch.stack(list(live.unimodal.values())).mean(dim=0))
    for m in method.modalities:
        assert torch.equal(out.unimodal[m], alone.unimodal[m])
        assert torch.equal(out.features[m], alone.features[m])
        assert not torch.equal(alone.unimodal[m], live.unimodal[m])


def test_never_balanced_is_the_network_of_regular_steps():
    batch = batch_of()
    ours = gradients(method_of(Greedy, balance="never"), batch, LATER)
    other = gradients(method_of(Greedy), batch, FIRST)
    assert all(torch.equal(g, other[k]) for k, g in ours.items())


def lost_without_the_other(**settings):
    """How much worse the weaker branch answers where the clear modality is of other samples."""
    draw = torch.Generator().manual_seed(0)
    centres = [torch.randn(3, 6, generator=draw) for _ in range(2)]
    kinds = {m: Modality("vector", (6,)) for m in ("m0", "m1")}
    task = Task(DatasetSpec("toy", 3, kinds), method_of(Greedy).task.network, 0)
    method = Greedy(task, Greedy.Config(**settings))
    optimizer = SGD(method.parameters(), lr=0.1)
    for seed in range(200):
        method.step(clear_and_noisy(60, centres, seed), optimizer, LATER)
    method.eval()
    test = clear_and_noisy(600, centres, 999)
    others = test.inputs["m0"][torch.randperm(600, generator=draw)]
    exchanged = replace(test, inputs=test.inputs | {"m0": others})
    right = [
        (method(b).unimodal["m1"].argmax(dim=1) == b.label).float().mean().item()
        for b in (test, exchanged)
    ]
    return right[0] - right[1]


def clear_and_noisy(size, centres, seed):
    draw, label = torch.Generator().manual_seed(seed), torch.arange(size) % 3
    inputs = {
        f"m{i}": c[label] + noise * torch.randn(size, 6, generator=draw)
        for i, (c, noise) in enumerate(zip(centres, (0.3, 3.0), strict=True))
    }
    return Batch(inputs, label, label, torch.ones(size, 2, dtype=torch.bool))


def test_the_weaker_branch_does_not_learn_to_lean_on_the_other():
    assert lost_without_the_other() < 0.15
    assert lost_without_the_other(balance="never") > 0.3
