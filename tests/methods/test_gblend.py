"""What G-Blend claims: trials leave the network alone, weights prefer what generalises, and what
over-fits is not trained."""

from io import BytesIO

import pytest
import torch
from torch.optim import SGD

from bench.config.spec import NetworkConfig, TrainConfig
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.methods import gblend
from bench.methods.gblend import GBlend, blend, gains
from bench.methods.joint import Joint
from bench.networks.task import Task
from bench.passes import collect
from bench.training.checkpoint import dump
from bench.training.trainer import Evaluation, Trainer
from bench.types import DatasetSpec, Modality, Split
from tests.helpers.small_task import FIRST, batch_of, method_of
from tests.helpers.training import CPU, spec_of, trainer_of

MEASURED = torch.tensor(  # A, B, A', B' of four losses, the third of which did not generalise
    [[2.0, 1.9, 2.1, 2.0], [2.1, 2.0, 2.1, 2.2], [0.5, 0.7, 0.4, 0.6], [1.0, 1.1, 2.3, 0.9]]
)


def weights(measured):
    return blend(*gains(measured))


def test_weights_are_shares_that_neither_scale_nor_shift_of_the_losses_changes():
    usual = weights(MEASURED)
    assert (usual >= 0).all() and usual[2] == 0
    torch.testing.assert_close(usual.sum(), torch.tensor(1.0))
    torch.testing.assert_close(weights(3 * MEASURED), usual)
    shift = torch.tensor([0.3, -0.2, 0.5, 1.0])  # of A, B, A' and B' of a loss alike
    torch.testing.assert_close(weights(MEASURED + shift), usual, rtol=1e-4, atol=1e-6)


def test_equal_gains_are_weighed_by_growth_and_equal_growths_by_gain():
    ones = torch.ones(3)
    assert blend(ones, torch.tensor([0.5, -0.2, 0.3])).argsort().tolist() == [0, 2, 1]
    assert blend(torch.tensor([0.1, 0.3, 0.2]), ones).argsort().tolist() == [0, 2, 1]


def test_without_growth_a_gain_weighs_finitely():
    assert blend(torch.tensor([0.5, 0.5]), torch.zeros(2)).tolist() == [0.5, 0.5]


def test_where_nothing_generalised_all_weigh_the_same():
    assert blend(torch.tensor([0.0, -1.0, -2.0, 0.0]), torch.ones(4)).tolist() == [0.25] * 4


def weighing(place, modalities, fusion):
    method = method_of(GBlend, modalities, fusion)
    method.weights.zero_()
    method.weights[place] = 1
    return gradients(method, batch_of(modalities=modalities))


def gradients(method, batch):
    """name -> gradient of one step, of what the step reaches."""
    method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    return {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_all_weight_on_the_fusion_is_joint_training(modalities, fusion):
    ours = weighing(-1, modalities, fusion)
    joint = gradients(method_of(Joint, modalities, fusion), batch_of(modalities=modalities))
    for name, gradient in ours.items():
        assert torch.equal(gradient, joint.get(name, torch.zeros_like(gradient))), name
    assert joint.keys() <= ours.keys()


def test_all_weight_on_one_modality_leaves_the_rest_without_gradient():
    for name, gradient in weighing(1, 3, "concat").items():
        assert gradient.any() == name.startswith(("encoders.m1.", "own.m1.")), name


@pytest.mark.parametrize(("block", "lengths"), [(0.3, [3, 3, 3, 1]), (1.0, [10]), (0.0, [1] * 10)])
def test_every_block_has_one_estimate_and_its_place_on_the_schedule(block, lengths):
    plan = method_of(GBlend, block=block).stages(10)
    estimates, blends = plan[::2], plan[1::2]
    assert [s.epochs for s in estimates] == [s.epochs for s in blends] == lengths
    first = [sum(lengths[:j]) for j in range(len(lengths))]
    assert [s.first_epoch for s in estimates] == [s.first_epoch for s in blends] == first
    assert len({s.optimizer or s.name for s in estimates}) == len(lengths)
    assert len({s.optimizer for s in blends}) == 1


def network_of(state):
    """All of a checkpoint but what an estimate writes, as one flat dict."""
    trials = ("alone", "together", "measured", "weights")
    flat = {k: v for k, v in state["method"].items() if not k.startswith(trials)}
    momentum = state["optimizers"]["blend"]["state"]
    flat |= {f"momentum {k}": v["momentum_buffer"] for k, v in momentum.items()}
    flat |= {k: state["data"][k] for k in ("index", "keep", "held")}
    return flat | {k: state[k] for k in ("generator", "global_generator")}


def saved_states():
    """Two of every stage."""
    saved = []

    def save(state):
        saved.append(torch.load(BytesIO(dump(state)), weights_only=True))

    trainer_of(spec_of("gblend", epochs=4, block=0.5), save=save).train()
    return saved


def test_an_estimate_leaves_network_momentum_data_and_generators_as_they_are():
    saved = saved_states()
    before, after, later = (network_of(saved[i]) for i in (3, 5, 6))
    assert before.keys() == after.keys()
    assert all(torch.equal(after[k], before[k]) for k in before)
    assert not all(torch.equal(later[k], before[k]) for k in before)


def test_resumed_inside_a_block_nothing_is_estimated_again(monkeypatch):
    state, calls = saved_states()[2], []  # in the middle of the first block
    whole = GBlend.end_trial
    monkeypatch.setattr(GBlend, "end_trial", lambda *a: (calls.append(a), whole(*a)))
    trainer_of(spec_of("gblend", epochs=4, block=0.5)).train(state)
    assert len(calls) == 1  # of the second


def test_nothing_ever_trains_on_what_is_held_out(monkeypatch):
    seen = {}
    for name in ("trial_step", "step"):
        whole = getattr(GBlend, name)

        def watched(self, batch, *rest, whole=whole, name=name):
            seen.setdefault(name, set()).update(batch.index.tolist())
            return whole(self, batch, *rest)

        monkeypatch.setattr(GBlend, name, watched)
    trainer = trainer_of(spec_of("gblend", epochs=2))
    trainer.train()
    held = set(trainer.data.held.tolist())
    assert len(held) == 20 and seen["step"] == seen["trial_step"] == set(range(203)) - held


def split_of(size, seed):
    """One modality that tells the class, and a wide one of noise, which can only be memorised."""
    draw, label = torch.Generator().manual_seed(seed), torch.arange(size) % 3
    centres = 2 * torch.randn(3, 4, generator=torch.Generator().manual_seed(5))
    inputs = {
        "m0": centres[label] + torch.randn(size, 4, generator=draw),
        "m1": torch.randn(size, 60, generator=draw),
    }
    return Split(inputs, torch.arange(size), label, tuple(map(str, range(size))))


def planted():
    """A trained method and its mean losses, where it was trained and on test."""
    kinds = {"m0": Modality("vector", (4,)), "m1": Modality("vector", (60,))}
    spec = DatasetSpec("planted", 3, kinds)
    config = GBlend.Config(block=1.0, held_out=0.3)
    method = GBlend(Task(spec, NetworkConfig(dim=8), 0), config)
    data = TrainData(split_of(90, 1), spec, 10, 0, CPU)
    test = OrderedLoader(Source(split_of(300, 2), spec, CPU))
    recipe = TrainConfig(epochs=10, lr=0.05, schedule="constant")
    Trainer(method, data, Evaluation(None, test), recipe).train()
    return method, [gblend.head_losses(*collect(method, method, p)) for p in (data.ordered(), test)]


def test_noise_that_only_over_fits_gets_no_weight_and_is_not_memorised(monkeypatch):
    method, (fit, test) = planted()
    assert method.weights[1] == 0 and method.weights[0] > 0.5
    monkeypatch.setattr(gblend, "blend", lambda gain, growth: torch.full_like(gain, 1 / 3))
    _, (equal_fit, equal_test) = planted()
    assert equal_fit[1] < 0.5 < 1 < fit[1]  # log 3 is 1.1
    assert test[2] - fit[2] < 0.7 * (equal_test[2] - equal_fit[2])
