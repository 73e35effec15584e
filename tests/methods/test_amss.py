"""What AMSS claims: who tells much is updated little, and which units are, and how often."""

import pytest
import torch
from torch import nn

from bench.config.spec import NetworkConfig, TrainConfig
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.methods import amss
from bench.methods.amss import AMSS, masked_weights, update_shares
from bench.methods.joint import Joint
from bench.networks.encoders import ResNet18, SmallCNN
from bench.networks.task import Task
from bench.training.trainer import Evaluation, Trainer
from bench.types import DatasetSpec, Modality, Split
from tests.helpers.small_task import batch_of, gradients, method_of
from tests.helpers.training import CPU, flat

FUSIONS = ("concat", "sum", "film", "gated")
TOLD, CONTENT = torch.tensor([1.0, 1.2]), torch.tensor([1.5, 2.0])


def test_who_tells_less_or_has_more_content_is_updated_more():
    share = update_shares(TOLD, CONTENT, 1.0)
    torch.testing.assert_close(share.sum(), torch.tensor(1.0))
    assert update_shares(TOLD - torch.tensor([0.1, 0.0]), CONTENT, 1.0)[0] > share[0]
    assert update_shares(TOLD, CONTENT + torch.tensor([0.1, 0.0]), 1.0)[0] > share[0]


def test_shares_keep_their_bounds_and_are_a_half_where_one_tells_nothing():
    assert update_shares(TOLD, CONTENT, 1e-3).tolist() == pytest.approx([0.1, 0.9])
    assert update_shares(torch.tensor([1.0, 0.0]), CONTENT, 1.0).tolist() == [0.5, 0.5]
    assert update_shares(TOLD, torch.zeros(2), 1.0).isfinite().all()  # one dimension has all


def both(modalities=2, fusion="concat", **settings):
    """Of one step, every gradient, and joint training's."""
    method, batch = method_of(AMSS, modalities, fusion, **settings), batch_of(modalities=modalities)
    ours = gradients(method, batch)
    return method, ours, gradients(method_of(Joint, modalities, fusion), batch)


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_share_of_the_rows_of_every_weight_survives_and_all_else_is_untouched(modalities, fusion):
    method, ours, joint = both(modalities, fusion)
    shares = dict(zip(method.modalities, method.parts, strict=True))
    for name, gradient in ours.items():
        part, m, *_ = name.split(".")
        if part != "encoders" or gradient.ndim < 2:
            assert torch.equal(gradient, joint[name]), name
            continue
        kept = gradient.flatten(1).any(dim=1)
        rows = joint[name].flatten(1).any(dim=1).sum()  # a unit may be dead
        assert kept.sum() == min((len(kept) * shares[m]).ceil(), rows)
        assert torch.equal(gradient[kept], joint[name][kept])


def test_with_all_units_drawn_it_is_joint_training(monkeypatch):
    monkeypatch.setattr(amss, "BOUNDS", (1.0, 1.0))
    _, ours, joint = both()
    assert all(torch.equal(ours[k], joint[k]) for k in joint)


def test_plus_weighs_the_drawn_units_by_how_rarely_they_are_drawn():
    (_, plain, joint), (_, plus, _) = both(), both(form="plus")
    for name, gradient in plain.items():
        if not name.startswith("encoders.") or gradient.ndim < 2:
            assert torch.equal(plus[name], gradient)
            continue
        size = (joint[name].flatten(1) ** 2).sum(dim=1)
        factor = 1 / (size / size.sum() + 1 / len(size))
        factor = factor.view(-1, *[1] * (gradient.ndim - 1))
        torch.testing.assert_close(plus[name], factor * gradient)


def test_units_are_drawn_by_their_size_and_none_without_a_gradient():
    method = method_of(AMSS)
    size, firsts = torch.tensor([1.0, 3.0, 0.0, 4.0]), torch.zeros(4)
    for _ in range(600):
        gradient = size.sqrt()[:, None].clone()
        method.mask(gradient, torch.tensor(0.25))  # one unit
        firsts += gradient[:, 0] > 0
    torch.testing.assert_close(firsts / 600, size / 8, rtol=0, atol=0.06)
    gradient = size.sqrt()[:, None].clone()
    method.mask(gradient, torch.tensor(0.75))
    assert torch.equal(gradient[:, 0], size.sqrt())


def test_a_single_unit_stays_and_draws_are_the_methods_own():
    method = method_of(AMSS)
    one = torch.ones(1, 3)
    method.mask(one, torch.tensor(0.1))
    assert one.all()
    state = method.generator.get_state()
    first, again = torch.ones(2, 40, 3)
    method.mask(first, torch.tensor(0.5))
    method.generator.set_state(state)
    method.mask(again, torch.tensor(0.5))
    assert torch.equal(first, again) and first.any(dim=1).sum() == 20


def test_of_residual_blocks_the_two_convolutions_are_masked_else_every_weight():
    picture = Modality("image", (1, 16, 16))
    with torch.random.fork_rng():
        deep, small = ResNet18(picture, 8), SmallCNN(picture, 8)
    weights = masked_weights(deep)
    assert len(weights) == 16 and all(w.shape[2:] == (3, 3) for w in weights)
    assert len(masked_weights(small)) == 4 and len(masked_weights(nn.Linear(3, 2))) == 1
    method = method_of(AMSS)
    assert method.departures() == [
        "all weights of m0 and m1 are masked, which have no residual blocks"
    ]
    method.encoders["m1"] = deep
    assert "of m0 are" in method.departures()[0]


def test_the_released_entropy_changes_the_shares_alone():
    batch = batch_of(7)  # of unequal counts
    (true, theirs) = (method_of(AMSS, form=form) for form in ("paper", "released"))
    gradients(true, batch)
    gradients(theirs, batch)
    assert not torch.equal(true.parts, theirs.parts)


@pytest.mark.parametrize("scale", [1, 80])
def test_one_sample_and_large_features_stay_finite(scale):
    method, batch = method_of(AMSS, 3, form="plus").eval(), batch_of(1, modalities=3)
    for encoder in method.encoders.values():
        encoder.register_forward_hook(lambda module, inputs, z: scale * z)
    assert all(g.isfinite().all() for g in gradients(method, batch).values())


def split_of(size, seed):
    """Two modalities that show the class, the first one far more clearly."""
    draw, label = torch.Generator().manual_seed(seed), torch.arange(size) % 3
    centres = 2 * torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(5))
    inputs = {
        m: centres[i][label] + noise * torch.randn(size, 4, generator=draw)
        for i, (m, noise) in enumerate((("m0", 0.2), ("m1", 1.5)))
    }
    return Split(inputs, torch.arange(size), label, tuple(map(str, range(size))))


def planted(cls):
    """How far the second modality's encoder moves by how far the first's does, and what the last
    epoch reports."""
    kinds = {m: Modality("vector", (4,)) for m in ("m0", "m1")}
    spec = DatasetSpec("planted", 3, kinds)
    method = cls(Task(spec, NetworkConfig(dim=32), 0), cls.Config())
    before = {m: flat(encoder) for m, encoder in method.encoders.items()}
    data, log = TrainData(split_of(300, 1), spec, 30, 0, CPU), []
    test = OrderedLoader(Source(split_of(30, 2), spec, CPU))
    recipe = TrainConfig(epochs=5, lr=0.01, schedule="constant")
    Trainer(method, data, Evaluation(None, test), recipe, log.append).train()
    first, second = ((flat(e) - before[m]).norm() for m, e in method.encoders.items())
    return second / first, log[-1]


def test_the_encoder_of_the_clear_modality_lets_the_other_catch_up():
    (plain, _), (balanced, report) = planted(Joint), planted(AMSS)
    assert report["share m0"] < 0.35 and report["share m1"] > 0.65
    assert balanced > 1.05 * plain
