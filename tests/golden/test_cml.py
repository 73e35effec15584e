"""CML: answers along the chain, confidences, penalties, the loss and its gradients, of the page
(`ours_*`) and of BalanceBenchmark's training step (`ref_*`). Masks (`cpm_*`, `miwae_*`,
`*_pen_mask_*`) are not ours."""

import torch
from torch.nn.functional import cross_entropy

from bench.methods.cml import CML, confidence_penalty, released_penalty, rises
from bench.types import Clock
from tests.golden.files import close
from tests.golden.linear_head import Case

FILE = "cml.npz"
DURING = Clock(0, 1, 0, 1)


def turns(order):
    """When each modality goes, [B, M], of what goes at each link, [B, M - 1]."""
    count = order.shape[1] + 1
    last = count * (count - 1) // 2 - order.sum(dim=1, keepdim=True)
    return torch.cat([order, last], dim=1).argsort(dim=1)


def cases(golden, source):
    """Of every case the file's method, which removes in the file's order, and its chain."""
    for name in golden.names("", "_labels"):
        (weight,) = golden.need(f"{name}_lam")
        form = "paper" if source == "ours" else "released"
        case = Case(golden, name, CML, weight=weight.item(), form=form)
        (order,) = case.need("order" if source == "ours" else "ref_order")
        turn = turns(order.expand(len(case.batch.label), -1))
        case.method.turns = lambda size, clock, turn=turn: turn
        yield case, case.method.chain(case.out, turn)


def check_chain(case, chain, source):
    logits, confidence, answers, losses = case.need(
        *(f"{source}_{k}" for k in ("logits", "conf", "pred", "ce"))
    )
    close(chain.detach(), logits)
    close(chain.softmax(dim=2).amax(dim=2).detach(), confidence)
    assert torch.equal(chain.argmax(dim=2), answers)
    close(torch.stack([cross_entropy(f, case.batch.label) for f in chain]).detach(), losses)


def test_chain_and_penalties(golden):
    for case, chain in cases(golden, "ours"):
        check_chain(case, chain, "ours")
        hinges, whole, batch = case.need(
            "ours_hinge_per_sample", "ours_pen_sample_sum", "ours_pen_batch_hinge"
        )
        close(rises(chain).relu().detach(), hinges)
        close(confidence_penalty(chain).detach(), whole)
        close(released_penalty(chain).detach(), batch)


def test_released_chain_and_penalty(golden):
    for case, chain in cases(golden, "ref"):
        check_chain(case, chain, "ref")
        close(released_penalty(chain).detach(), *case.need("ref_pen_batch_hinge"))


def test_loss_and_gradients(golden):
    for source in ("ours", "ref"):
        for case, _ in cases(golden, source):
            case.check(case.method.loss(case.out, case.batch, DURING), source)
