"""What MIDAS claims: targets that share a mix between its classes, weights of the weak label alone,
and a network that reads every modality."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.config.spec import NetworkConfig, TrainConfig
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.methods.joint_uni import JointUni
from bench.methods.midas import MIDAS, hardness, next_weights, own_loss, sources, targets
from bench.networks.task import Task
from bench.passes import collect
from bench.training.trainer import Evaluation, Trainer
from bench.types import Clock, DatasetSpec, Modality, Split
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of
from tests.helpers.training import CPU

FUSIONS = ("concat", "sum", "film", "gated")


@pytest.mark.parametrize("fusion", FUSIONS)
def test_mixed_with_itself_a_sample_is_twice_as_heavy(fusion):
    method, batch = method_of(MIDAS, 3, fusion, weight=0.7), batch_of(modalities=3)
    method.partners = lambda size, clock: torch.arange(size)
    out = method(batch)
    plain = cross_entropy(out.logits, batch.label)
    expected = (1 + 0.7 * 2) * plain + own_loss(out.unimodal, batch.label)
    torch.testing.assert_close(method.loss(out, batch, FIRST), expected)


def test_where_one_modality_is_swapped_the_rest_stay():
    rows = sources(torch.tensor([2, 0, 1]), 2)
    assert rows.tolist() == [[[2, 0, 1], [0, 1, 2]], [[0, 1, 2], [2, 0, 1]]]


@pytest.mark.parametrize("modalities", [2, 3])
def test_targets_are_shares_and_carry_no_gradient(modalities):
    method, batch = method_of(MIDAS, modalities), batch_of(modalities=modalities)
    out = method(batch)
    rows = sources(method.partners(9, FIRST), modalities)
    target = targets(torch.stack(list(out.unimodal.values())), batch.label, rows)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(modalities, 9))
    assert (target > 0).all() and not target.requires_grad
    z = out.features["m0"]
    assert not hardness(z, z.flip(0)).requires_grad
    assert hardness(z, z).allclose(torch.tensor(2.0))
    assert hardness(z, -z).allclose(torch.tensor(1.0))


def test_mixes_do_not_reach_own_heads_but_both_samples_encoders():
    mixed = gradients(method_of(MIDAS), batch_of())
    plain = gradients(method_of(MIDAS, weight=0.0), batch_of())
    for name, gradient in mixed.items():
        assert torch.equal(gradient, plain[name]) == name.startswith("own."), name


def test_in_the_warm_up_the_fusion_head_rests_and_afterwards_the_schedule_begins():
    warm_up, train = method_of(MIDAS, warmup=0.5).stages(8)
    assert (warm_up.epochs, train.epochs, train.first_epoch) == (4, 4, 0)
    method = method_of(MIDAS, warmup=0.5)
    parts = {id(p) for p in method.stages(8)[0].parameters()}
    assert parts == {id(p) for k in (method.encoders, method.own) for p in k.parameters()}
    assert [s.name for s in method_of(MIDAS, warmup=0.0).stages(8)] == ["train"]


def test_only_the_weak_label_is_weighed_and_a_new_one_starts_from_one():
    def after(alpha, target, answer):
        alpha, target, answer = map(torch.tensor, (alpha, target, answer))
        return next_weights(alpha, target, answer, 0.25).tolist()

    assert after([1.0, 1.0, 1.0], [0.5, 0.2, 0.3], [0.5, 0.1, 0.4]) == [1, 1.25, 1]
    assert after([1.0, 1.5, 1.0], [0.5, 0.2, 0.3], [0.5, 0.3, 0.2]) == [1, 1.25, 1]
    assert after([1.0, 1.5, 1.0], [0.5, 0.3, 0.2], [0.6, 0.3, 0.1]) == [1, 1, 1.25]
    assert after([1.0, 1.0, 1.0], [0.5, 0.2, 0.3], [0.1, 0.6, 0.3]) == [1, 1, 1]  # never below
    assert after([1.0, 1.0], [0.5, 0.5], [0.4, 0.6]) == [1.25, 1]  # a tie: the first


def test_weights_act_and_move_on_in_every_step_and_are_kept():
    method, batch = method_of(MIDAS), batch_of()
    before = gradients(method, batch)["head.linear.weight"]
    method.label_weights[:] = torch.tensor([1.5, 1.5])
    assert not torch.equal(gradients(method, batch)["head.linear.weight"], before)
    (kept, raised) = method.state_dict()["label_weights"].sort().values.tolist()
    assert kept == 1 and abs(abs(raised - 1.5) - 0.05) < 1e-6


@pytest.mark.parametrize("modalities", [2, 3])
def test_without_mixes_it_is_joint_training_with_the_mean_of_own_losses(modalities):
    batch = batch_of(modalities=modalities)
    ours = gradients(method_of(MIDAS, modalities, weight=0.0), batch)
    theirs = gradients(method_of(JointUni, modalities, unimodal_weight=1 / modalities), batch)
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name])


def test_partners_depend_on_seed_epoch_and_step_alone():
    method = method_of(MIDAS)
    usual = method.partners(50, Clock(2, 9, 3, 9))
    assert torch.equal(usual.sort().values, torch.arange(50))
    torch.rand(3, generator=method.generator)
    assert torch.equal(method.partners(50, Clock(2, 9, 3, 9)), usual)
    others = [method.partners(50, Clock(2, 9, 4, 9)), method.partners(50, Clock(3, 9, 3, 9))]
    others += [method_of(MIDAS, seed=1).partners(50, Clock(2, 9, 3, 9))]
    assert not any(torch.equal(usual, other) for other in others)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("scale", [1, 80])
def test_few_samples_and_large_features_stay_finite(size, scale):
    method, batch = method_of(MIDAS, 3).eval(), batch_of(size, modalities=3)
    for encoder in method.encoders.values():
        encoder.register_forward_hook(lambda module, inputs, z: scale * z)
    loss = method.loss(method(batch), batch, FIRST)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in method.parameters())


def split_of(size, seed):
    """Two modalities that show the class, the first one far more clearly."""
    draw, label = torch.Generator().manual_seed(seed), torch.arange(size) % 3
    centres = 2 * torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(5))
    inputs = {
        m: centres[i][label] + noise * torch.randn(size, 4, generator=draw)
        for i, (m, noise) in enumerate((("m0", 0.2), ("m1", 1.0)))
    }
    return Split(inputs, torch.arange(size), label, tuple(map(str, range(size))))


def planted(weight):
    """Of a trained network on test: how often, where the first modality is another class's, the
    two classes are the likeliest, and its accuracy on what belongs together."""
    kinds = {m: Modality("vector", (4,)) for m in ("m0", "m1")}
    spec = DatasetSpec("planted", 3, kinds)
    method = MIDAS(Task(spec, NetworkConfig(dim=8), 0), MIDAS.Config(weight=weight))
    data = TrainData(split_of(300, 1), spec, 30, 0, CPU)
    test = OrderedLoader(Source(split_of(600, 2), spec, CPU))
    Trainer(method, data, Evaluation(None, test), TrainConfig(epochs=10, lr=0.02)).train()
    out, label = collect(method, method, test)
    answers = method.mixed(out.features, torch.arange(600).roll(1))[0]
    pairs = torch.stack([label, label.roll(1)], dim=1).sort(dim=1).values
    named = answers.topk(2, dim=1).indices.sort(dim=1).values
    right = (out.logits.argmax(dim=1) == label).double().mean()
    return (named == pairs).all(dim=1).double().mean(), right


def test_both_classes_of_a_mix_are_named_where_one_modality_is_far_clearer():
    without, _ = planted(0.0)
    with_mixes, accuracy = planted(1.0)
    assert without < 0.75 and with_mixes > 0.95
    assert accuracy > 0.95
