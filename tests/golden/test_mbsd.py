"""MBSD: shares of the logits, weights of pairs, both terms, the loss and its gradients, of the page
(`ours_*`) and of the released training step (`ref_*`)."""

import torch
from torch.nn.functional import cross_entropy

from bench.methods.mbsd import MBSD, distillation, pair_weights, released_distillation
from bench.types import Clock
from tests.golden.files import close
from tests.golden.linear_head import Case

FILE = "mbsd.npz"
DURING = Clock(0, 1, 0, 1)


def cases(golden, **settings):
    """Of every case the file's method, with shares [M, B, C]."""
    for name in golden.names("", "_labels"):
        case = Case(golden, name, MBSD, **settings)
        yield case, torch.stack(list(case.out.unimodal.values()))


def test_shares_and_weights(golden):
    for case, shares in cases(golden):
        label = case.batch.label
        fused, unimodal, weights = case.need(
            "ref_logits_fused", "ref_logits_uni", "ref_pair_weights"
        )
        close(case.out.logits.detach(), fused)
        close(shares.detach(), unimodal)
        close(pair_weights(shares, label).detach(), weights)
        joint, own = case.need("ref_ce_fused", "ref_ce_uni")
        close(cross_entropy(case.out.logits, label).detach(), joint)
        close(torch.stack([cross_entropy(u, label) for u in shares]).detach(), own)


def test_terms(golden):
    for case, shares in cases(golden):
        ours = distillation(shares, case.batch.label, temperature=1.0)
        close(torch.stack(ours).detach(), torch.stack(case.need("ours_kl", "ours_rs")))
        released = released_distillation(shares, case.batch.label)
        close(torch.stack(released).detach(), torch.stack(case.need("ref_kl", "ref_rs")))


def test_loss_and_gradients(golden):
    for case, _ in cases(golden):
        case.check(case.method.loss(case.out, case.batch, DURING), "ours")


def test_released_loss_and_gradients(golden):
    for case, _ in cases(golden, form="released"):
        case.check(case.method.loss(case.out, case.batch, DURING), "ref")
