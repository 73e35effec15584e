"""What AUG claims: turns, what a further block is trained on, who grows when, what that brings."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig, TrainConfig
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.methods.aug import AUG, boosted, growing, residual
from bench.networks.task import Task
from bench.training.trainer import Evaluation, Trainer
from bench.types import Clock, DatasetSpec, Modality, Split
from tests.helpers.small_task import FIRST, batch_of, method_of
from tests.helpers.training import CPU, flat


def aug(modalities=2, blocks=1, **settings):
    """An AUG of few blocks, so many of which are in use."""
    method = method_of(AUG, modalities, **{"most": 3} | settings)
    method.grown = dict.fromkeys(method.modalities, blocks)
    return method


def answers_of(count, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, 3, generator=draw), torch.arange(6) % 3


def test_one_block_learns_the_class_and_without_lambda_all_terms_are_plain():
    answers, label = answers_of(3)
    torch.testing.assert_close(boosted(answers[:1], label, 0.5), cross_entropy(answers[0], label))
    plain = sum(cross_entropy(u, label) for u in (answers.sum(0), answers[:2].sum(0), answers[2]))
    torch.testing.assert_close(boosted(answers, label, 0.0), plain)


def test_what_is_explained_leaves_nothing_and_carries_no_gradient():
    sure = 100 * torch.eye(3)
    assert residual(sure, torch.arange(3), 1.0).tolist() == [0, 0, 0]
    before = torch.zeros(3, 3, requires_grad=True)
    assert not residual(before, torch.arange(3), 1.0).requires_grad
    answers, label = answers_of(3)
    assert boosted(100 * answers, label, 1.0).isfinite()


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("size", [1, 9])
def test_every_encoder_moves_in_its_turn_and_the_head_in_every_one(blocks, size):
    method, batch = aug(3, blocks).eval(), batch_of(size, 3)
    ours = copy.deepcopy(method)
    ours.step(batch, SGD(ours.parameters(), lr=0.1), FIRST)
    for m in method.modalities:
        leaves = [*method.encoders[m].parameters(), *method.head.parameters()]
        leaves += list(method.blocks[m][:blocks].parameters())
        loss = boosted(method.answers(m, method.feature(batch, m)), batch.label, 0.5)
        with torch.no_grad():
            for p, g in zip(leaves, torch.autograd.grad(loss, leaves), strict=True):
                p -= 0.1 * g
    torch.testing.assert_close(flat(ours), flat(method))


def test_the_order_of_the_modalities_matters():
    ours, turned, batch = aug(), aug(), batch_of()
    turned.modalities = turned.modalities[::-1]
    for method in (ours, turned):
        method.step(batch, SGD(method.parameters(), lr=0.1), FIRST)
    assert not torch.equal(flat(ours.head), flat(turned.head))


@pytest.mark.parametrize("train_blocks", [True, False])
def test_a_further_block_learns_unless_it_is_as_released_and_resting_ones_stay(train_blocks):
    method = aug(blocks=2, train_blocks=train_blocks)
    (stage,) = method.stages(4)
    optimizer = SGD(stage.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    before = copy.deepcopy(method.blocks)
    for seed in range(2):
        method.step(batch_of(seed=seed), optimizer, FIRST)
    for m, (first, second, third) in method.blocks.items():
        assert not torch.equal(flat(first), flat(before[m][0]))
        assert torch.equal(flat(second), flat(before[m][1])) != train_blocks
        assert torch.equal(flat(third), flat(before[m][2]))
        assert not any(p in optimizer.state for p in third.parameters())


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [(0.1, 20, [0, *range(1, 19, 2)]), (0.2, 5, [0, 1, 2, 3]), (0.1, 1, []), (0.5, 5, [0, 1, 3])],
)
def test_checks_come_after_the_first_epoch_and_then_regularly(every, epochs, expected):
    config = AUG.Config(every=every)
    assert [e for e in range(epochs) if config.checks(e, epochs)] == expected


def test_the_last_grows_by_one_block_up_to_the_most():
    method, check = aug(), Clock(1, 4, 0, 1)
    for expected in (2, 3, 3):
        method.scores[:] = torch.tensor([5.0, 4.0])
        method.start_epoch(None, check)
        assert method.grown == {"m0": 1, "m1": expected} and not method.scores.any()
    method.scores[:] = torch.tensor([4.0, 4.0])
    method.start_epoch(None, check)
    assert method.grown == {"m0": 1, "m1": 3}
    other = aug()
    other.load_state_dict(method.state_dict())
    assert other.grown == method.grown


def test_growth_needs_a_lead_of_a_hundredth_and_the_first_of_equals_grows():
    cases = {(1.0, 1.0): -1, (1.0, 0.995): -1, (1.0, 0.98): 1, (0.5, 0.5, 0.6): 0}
    assert {k: growing(torch.tensor(k)) for k in cases} == cases


def test_more_blocks_change_no_other_start():
    few, many = aug(most=1), aug(most=3)
    assert torch.equal(flat(few.head), flat(many.head))
    for m in few.modalities:
        assert torch.equal(flat(few.blocks[m][0]), flat(many.blocks[m][0]))
        assert torch.equal(flat(few.encoders[m]), flat(many.encoders[m]))


def split_of(size, seed):
    """Two modalities that show the class, the first one far more clearly."""
    draw, label = torch.Generator().manual_seed(seed), torch.arange(size) % 3
    centres = 2 * torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(5))
    inputs = {
        m: centres[i][label] + noise * torch.randn(size, 4, generator=draw)
        for i, (m, noise) in enumerate((("m0", 0.2), ("m1", 1.5)))
    }
    return Split(inputs, torch.arange(size), label, tuple(map(str, range(size))))


def planted(most):
    """Blocks of each modality at the end, and the mean probability of the true class that the
    second one gave in the last epoch of training."""
    kinds = {m: Modality("vector", (4,)) for m in ("m0", "m1")}
    spec = DatasetSpec("planted", 3, kinds)
    method = AUG(Task(spec, NetworkConfig(dim=8), 0), AUG.Config(most=most))
    data = TrainData(split_of(300, 1), spec, 30, 0, CPU)
    test = OrderedLoader(Source(split_of(30, 2), spec, CPU))
    recipe = TrainConfig(epochs=10, lr=0.01, schedule="constant")
    Trainer(method, data, Evaluation(None, test), recipe).train()
    return method.grown, float(method.scores[1]) / 300


def test_the_modality_that_lags_gets_blocks_and_becomes_surer():
    (one, alone), (grown, boosted_score) = planted(1), planted(11)
    assert one == {"m0": 1, "m1": 1}
    assert grown["m0"] <= 2 and grown["m1"] > 5
    assert boosted_score > alone + 0.05
