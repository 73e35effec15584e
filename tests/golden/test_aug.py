"""AUG: answers of blocks, residuals, losses and their gradients, merged answers, and who grows.
`prob_*` are of the paper's residual, a sum of probabilities, which is the same for two blocks."""

import torch

from bench.methods.aug import RATIO, boosted, growing, merged, residual, true_class
from tests.golden.files import close

FILE = "aug.npz"


def blocks(golden, case):
    """Leaves of a case by name, and what its blocks answer."""
    names = ("features", "block_weight", "block_bias", "head_weight", "head_bias")
    values = golden.need(*(f"{case}_{k}" for k in names))
    leaves = {k: x.clone().requires_grad_() for k, x in zip(names, values, strict=True)}
    z, weight, bias, head, offset = leaves.values()
    hidden = (torch.einsum("bd,nhd->nbh", z, weight) + bias[:, None]).relu()
    return leaves, hidden @ head.T + offset


def test_answers_residuals_and_losses(golden):
    for case in golden.names("", "_blocks"):
        leaves, answers = blocks(golden, case)
        count, label, weight, each, whole, score, expected = golden.need(
            *(f"{case}_{k}" for k in ("blocks", "labels", "lam", "block_logits", "logits")),
            *(f"{case}_{k}" for k in ("score", "loss")),
        )
        assert len(answers) == count
        close(answers.detach(), each)
        close(answers.detach().sum(dim=0), whole)
        close(true_class(whole, label).mean(), score)
        loss = boosted(answers, label, weight.item())
        close(loss.detach(), expected)
        found = torch.autograd.grad(loss, list(leaves.values()))
        for name, gradient in zip(leaves, found, strict=True):
            close(gradient, golden[f"{case}_grad_{name}"])
        if count > 1:
            hit = torch.eye(each.shape[2], dtype=each.dtype)[label]
            rest = residual(each[:-1].sum(dim=0), label, weight.item())
            close(rest[:, None] * hit, golden[f"{case}_residual"])


def test_for_two_blocks_the_papers_residual_is_the_same(golden):
    for case in golden.names("", "_blocks"):
        if golden[f"{case}_blocks"] == 2:
            close(golden[f"{case}_prob_residual"], golden[f"{case}_residual"])
            close(golden[f"{case}_prob_loss"], golden[f"{case}_loss"])


def test_merged_answers_and_growth(golden):
    for case in golden.names("", "_merge"):
        logits, weights, expected, scores, sigma, tolerance, grow = golden.need(
            *(f"{case}_{k}" for k in ("logits", "merge", "merged", "scores")),
            *(f"{case}_{k}" for k in ("sigma", "tolerance", "grow")),
        )
        merge = "equal" if (weights == weights[0]).all() else "released"
        found = merged(dict(enumerate(logits)), merge)
        close(found, expected)
        close(torch.einsum("m,mbc->bc", weights, logits), expected)
        assert sigma + tolerance == RATIO
        assert [growing(row) for row in scores] == grow.tolist()
