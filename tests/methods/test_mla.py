"""What MLA claims: encoders that move one at a time, a head that does not forget, sure answers."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, AdamW

from bench.config.spec import NetworkConfig
from bench.methods.mla import MLA, entropies, narrowed, sureness
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.training import flat

CLASSES, WIDTH = 3, 8
SHAPES = {"m0": (6,), "m1": (4,), "m2": (5,)}
OPTIMIZERS = [
    lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    lambda p: AdamW(p, lr=0.1, weight_decay=0.1),
]


def mla(modalities=2, **settings):
    kinds = {m: Modality("vector", s) for m, s in list(SHAPES.items())[:modalities]}
    task = Task(DatasetSpec("toy", CLASSES, kinds), NetworkConfig(dim=WIDTH), 0)
    return MLA(task, MLA.Config(**settings)).train()


def batch_of(modalities=2, size=7, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shapes = list(SHAPES.items())[:modalities]
    inputs = {m: torch.randn(size, *s, generator=draw, dtype=torch.float64) for m, s in shapes}
    label = torch.randint(CLASSES, (size,), generator=draw)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, modalities, dtype=torch.bool))


def plain_script(encoders, head, batches, steps, project, lr=0.05, momentum=0.9, decay=0.01):
    """The page's equations, with momentum and decay written out. encoders, head: copies."""
    p_matrix = torch.eye(WIDTH, dtype=torch.float64)
    velocity = {}
    for i, batch in enumerate(batches):
        a = 0.1 ** (1 + (i % steps) / steps)
        for m, encoder in encoders.items():
            z = encoder(batch.inputs[m])
            logits = z @ head.weight.T + head.bias
            log_p = logits - logits.logsumexp(dim=1, keepdim=True)
            loss = -log_p[range(len(batch.label)), batch.label].mean()
            weights = [*encoder.parameters(), head.weight, head.bias]
            grads = list(torch.autograd.grad(loss, weights))
            if project:
                grads[-2] = torch.einsum("cd,ed->ce", grads[-2], p_matrix)
            for p, g in zip(weights, grads, strict=True):
                velocity[p] = momentum * velocity.get(p, 0) + g + decay * p.detach()
                p.data = p.data - lr * velocity[p]
            h = z.detach().mean(dim=0)
            inverse = torch.linalg.inv(p_matrix) + h[:, None] * h[None, :] / a
            p_matrix = torch.linalg.inv(inverse)
    return p_matrix


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("project", [True, False])
def test_ten_steps_equal_the_plain_script(project, modalities):
    method = mla(modalities, projection=project).double()
    encoders, head = copy.deepcopy(dict(method.encoders.items())), copy.deepcopy(method.head)
    batches = [batch_of(modalities, seed=seed) for seed in range(10)]
    expected = plain_script(encoders, head, batches, 5, project)
    optimizer = SGD(method.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    for i, batch in enumerate(batches):
        method.step(batch, optimizer, Clock(i // 5, 2, i % 5, 5))
    exact = {"rtol": 0, "atol": 1e-9}
    for m, encoder in encoders.items():
        torch.testing.assert_close(flat(method.encoders[m]), flat(encoder), **exact)
    torch.testing.assert_close(flat(method.head), flat(head), **exact)
    if project:
        torch.testing.assert_close(method.projection, expected, **exact)


def test_the_projection_is_an_inverse_that_only_shrinks():
    draw = torch.Generator().manual_seed(0)
    projection = torch.eye(5, dtype=torch.float64)
    inverse, largest = projection.clone(), torch.ones(5, dtype=torch.float64)
    for a in (0.1, 0.05, 0.02, 0.1):
        h = torch.randn(5, generator=draw, dtype=torch.float64)
        projection = narrowed(projection, h, a)
        inverse = inverse + torch.outer(h, h) / a
        torch.testing.assert_close(projection, torch.linalg.inv(inverse))
        torch.testing.assert_close(projection, projection.T)
        values = torch.linalg.eigvalsh(projection)
        assert (values > 0).all() and (values <= largest + 1e-12).all()
        largest = values


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_in_a_modalitys_step_no_other_encoder_moves(make):
    method, batch = mla(3).double(), batch_of(3)
    optimizer = make(method.parameters())
    method.step(batch, optimizer, Clock(0, 1, 0, 1))
    moved, update = [], optimizer.step

    def noted():
        before = {m: flat(e) for m, e in method.encoders.items()}
        update()
        moved.append([m for m, e in method.encoders.items() if not torch.equal(flat(e), before[m])])

    optimizer.step = noted
    method.step(batch, optimizer, Clock(0, 1, 0, 1))
    assert moved == [["m0"], ["m1"], ["m2"]]


class Turn(nn.Module):
    """An encoder whose features lie in dimensions of its own."""

    def __init__(self, first):
        super().__init__()
        self.dim, self.first = WIDTH, first
        self.scale = nn.Parameter(torch.ones(CLASSES, dtype=torch.float64))

    def forward(self, x):
        z = nn.functional.one_hot(x[:, 0].long(), CLASSES) * self.scale + 0.5
        return nn.functional.pad(z, (self.first, WIDTH - CLASSES - self.first))


def forgotten(project):
    """How far training on the second modality alone moves the head's answer to the first's mean."""
    method = mla(projection=project).double()
    method.encoders = nn.ModuleDict({"m0": Turn(0), "m1": Turn(2)})  # they share one dimension
    label = torch.arange(30) % CLASSES
    places = label[:, None].double()
    batch = Batch({"m0": places, "m1": places}, label, label, torch.ones(30, 2, dtype=torch.bool))
    optimizer = SGD(method.head.parameters(), lr=0.5)
    for m in ("m0", "m1"):
        method.modalities = (m,)
        if m == "m1":
            mean = method.encoders["m0"](places).mean(dim=0).detach()
            before = method.head.weight.detach() @ mean
        for i in range(40):
            method.step(batch, optimizer, Clock(0, 1, i, 40))
    return (method.head.weight.detach() @ mean - before).norm().item()


def test_the_head_does_not_forget_the_earlier_modality():
    kept, lost = forgotten(True), forgotten(False)
    assert lost > 0.01 and kept < 0.05 * lost


def test_the_first_step_is_not_projected_and_later_ones_shrink():
    method, batch = mla().double(), batch_of()
    optimizer = SGD(method.parameters(), lr=0.0)
    loss = cross_entropy(method.head(method.feature(batch, "m0")), batch.label)
    plain = torch.autograd.grad(loss, method.head.weight)[0]
    seen, update = [], optimizer.step
    optimizer.step = lambda: (seen.append(method.head.weight.grad.clone()), update())
    out = [method.step(batch, optimizer, Clock(0, 1, i, 5))["head"] for i in range(5)]
    assert torch.equal(seen[0], plain)
    assert out[0] < 1 and out[-1] < out[0]


def test_weights_sum_to_one_and_prefer_the_sure():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 9, CLASSES, generator=draw) * 3
    weights = sureness(logits)
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(9))
    assert torch.equal(weights.argmax(dim=0), entropies(logits).argmin(dim=0))
    tied = sureness(logits[:1].expand(3, -1, -1))
    torch.testing.assert_close(tied, torch.full((3, 9), 1 / 3))
    shifted = logits + torch.tensor([5.0, -3.0, 0.0])[:, None, None]
    torch.testing.assert_close(sureness(shifted), weights)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[[1e3, 0.0, -1e3]], [[0.0, 0.0, 0.0]]])
    assert sureness(logits).isfinite().all() and sureness(logits)[0] > sureness(logits)[1]


def test_an_absent_modality_gets_no_weight_unless_all_are_absent():
    logits = torch.randn(2, 3, CLASSES, generator=torch.Generator().manual_seed(0))
    absent = torch.tensor([[True, False, True], [False, False, True]])
    weights = sureness(logits, absent)
    assert weights[0, 0] == 0 and weights[1, 0] == 1
    torch.testing.assert_close(weights[:, 1:], sureness(logits)[:, 1:])


def test_an_answer_does_not_depend_on_the_rest_of_its_batch():
    method, batch = mla(3).double().eval(), batch_of(3)
    with torch.no_grad():
        whole = method.predict(batch).logits
        inputs = {m: x[2:3] for m, x in batch.inputs.items()}
        one = Batch(inputs, batch.label[2:3], batch.index[2:3], batch.keep[2:3])
        torch.testing.assert_close(method.predict(one).logits, whole[2:3])
