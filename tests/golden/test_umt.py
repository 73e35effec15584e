"""UMT: distances to the teachers' features, the loss and its gradients. What other code matches
(logits, sums over dimensions) is not read."""

import torch
from torch.nn.functional import cross_entropy

from bench.methods.umt import distances
from bench.networks.fusion import ConcatHead
from tests.golden.files import close

FILE = "umt.npz"


def features_of(golden):
    """Students' features, which have gradients, and teachers', place -> [B, D]."""
    places = [str(i) for i in range(golden["M"])]
    students = {i: z.requires_grad_() for i, z in golden.each("z", places).items()}
    assert [z.shape[1] for z in students.values()] == golden["dims"].tolist()
    return students, golden.each("z_teacher", places)


def losses(golden):
    """The fusion's loss, weight times distances, and the features and the head they depend on."""
    students, taught = features_of(golden)
    weight, bias, label, factor = golden.need("W", "b", "labels", "distill_weight")
    head = ConcatHead({i: z.shape[1] for i, z in students.items()}, len(bias), "").double()
    head.linear.load_state_dict({"weight": weight, "bias": bias})
    logits = head(students)
    close(logits.detach(), golden["logits"])
    pull = factor * distances(students, taught).sum()
    return cross_entropy(logits, label), pull, students, head.linear.weight


def test_distances(golden):
    students, taught = features_of(golden)
    close(distances(students, taught).detach(), golden["loss_distill"])


def test_losses(golden):
    joint, pull, *_ = losses(golden)
    close(joint.detach(), golden["loss_task"])
    close((joint + pull).detach(), golden["loss_total"])


def test_gradients(golden):
    joint, pull, students, weight = losses(golden)
    of_pull = torch.autograd.grad(pull, list(students.values()), retain_graph=True)
    whole = torch.autograd.grad(joint + pull, [*students.values(), weight])
    close(whole[-1], golden["grad_W"])
    for i, alone, both in zip(students, of_pull, whole[:-1], strict=True):
        close(alone, golden[f"grad_distill_z{i}"])
        close(both, golden[f"grad_z{i}"])
