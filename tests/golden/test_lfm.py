"""LFM: both matching losses, alpha of both schedules, the loss of a step, and the derivative of a
held-out loss by alpha. The released update of alpha (`lb0_*`, `lb1_*`, `lb2_*`) is not ours, and
the true Jensen-Shannon divergence is what ours is not."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bench.config.spec import NetworkConfig
from bench.methods.lfm import LFM, fitted, heuristic, infonce, matching, mixed, reversed_js
from bench.networks.fusion import ConcatHead
from bench.networks.task import Task
from bench.types import Batch, DatasetSpec, Modality
from tests.golden.files import close

FILE = "lfm.npz"


def graded(golden, prefix):
    """modality -> an array of the file that gets a gradient."""
    arrays = golden.each(prefix, golden.names(prefix))
    return {m: x.requires_grad_() for m, x in arrays.items()}


def gradients(loss, parts):
    return torch.autograd.grad(loss, list(parts.values()), retain_graph=True)


def check(golden, loss, parts, prefix):
    """Of a loss, the gradients by modality."""
    for m, gradient in zip(parts, gradients(loss, parts), strict=True):
        close(gradient, golden[f"{prefix}_{m}"])


def test_reversed_js(golden):
    logits = graded(golden, "logits_")
    loss = matching(logits, reversed_js)
    close(loss.detach(), golden["align"])
    check(golden, loss, logits, "align_grad")


def test_it_is_not_the_true_js(golden):
    p = torch.stack(list(graded(golden, "logits_").values())).softmax(dim=2)
    mean = p.mean(dim=0)
    true = (p * (p / mean).log()).sum(dim=2).mean()
    close(true.detach(), golden["js_true"])
    assert golden["align"] > 1.2 * golden["js_true"]


def test_released_loss(golden):
    logits = graded(golden, "logits_")
    label, (of_class, of_match) = golden.need("labels", "cls_k")
    close(of_class + of_match, torch.ones_like(of_class))
    fused = torch.stack(list(logits.values())).mean(dim=0)
    loss = mixed(cross_entropy(fused, label), matching(logits, reversed_js), of_match)
    close(loss.detach(), golden["released_total"])
    check(golden, loss, logits, "released_grad")


def test_infonce(golden):
    names = golden.names("nce_grad_")
    features = {m: golden[f"nce_{m}"].requires_grad_() for m in names}
    loss = infonce(*features.values(), golden["nce_tau"].item())
    close(loss.detach(), golden["nce_loss"])
    check(golden, loss, features, "nce_grad")


def test_schedules(golden):
    for epoch, alpha in zip(*golden.need("heuristic_t", "heuristic_alpha"), strict=True):
        close(torch.tensor(heuristic(epoch.item()), dtype=torch.float64), alpha)
    for epoch, weights in zip(*golden.need("fitted_epochs", "fitted_weights"), strict=True):
        alpha = fitted(epoch.item())
        close(torch.tensor([1 - alpha, alpha], dtype=torch.float64), weights)


@pytest.mark.parametrize("case", ["bb2", "bb3"])
def test_slices_of_a_fusion_head_as_own_heads(golden, case):
    """BalanceBenchmark's step, in which the answer is their sum."""
    features = graded(golden, f"{case}_features_")
    weight, bias, label = golden.need(f"{case}_weight", f"{case}_bias", "labels")
    head = ConcatHead({m: z.shape[1] for m, z in features.items()}, len(bias), "").double()
    head.linear.load_state_dict({"weight": weight, "bias": bias})
    match = matching(head.contributions(features), reversed_js)
    alpha, of_class = golden.need(f"{case}_alpha_align", f"{case}_alpha_cls")
    close(alpha + of_class, torch.ones_like(alpha))
    loss = mixed(cross_entropy(head(features), label), match, alpha)
    close(loss.detach(), golden[f"{case}_total"])
    check(golden, loss, features, f"{case}_grad")
    (gradient,) = torch.autograd.grad(loss, head.linear.weight)
    close(gradient, golden[f"{case}_grad_weight"])


class Encoder(nn.Module):
    """tanh of a linear map."""

    def __init__(self, weight, bias):
        super().__init__()
        self.dim = len(weight)
        self.linear = linear(weight, bias)

    def forward(self, x):
        return self.linear(x).tanh()


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0]).double()
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def test_what_alpha_does_to_a_held_out_loss(golden):
    p = "lbours_p_"
    encoders = golden.names(p, "_encoder_weight")
    heads = golden.names(f"{p}cls_", "_weight")
    parts = {
        m: (
            golden.need(f"{p}{m}_encoder_weight", f"{p}{m}_encoder_bias"),
            golden.need(f"{p}cls_{h}_weight", f"{p}cls_{h}_bias"),
        )
        for m, h in zip(encoders, heads, strict=True)
    }
    inputs = [
        k for k in golden.names("lbours_") if golden[f"lbours_{k}"].ndim == 2 and k[:2] != "p_"
    ]
    classes = len(next(iter(parts.values()))[1][1])
    spec = DatasetSpec("toy", classes, dict.fromkeys(parts, Modality("vector", (1,))))
    config = LFM.Config("js", "bilevel", start=golden["lbours_alpha"].item())
    method = LFM(Task(spec, NetworkConfig(dim=1), 0), config).double().eval()
    method.encoders = nn.ModuleDict({m: Encoder(*e) for m, (e, _) in parts.items()})
    method.head = nn.ModuleDict({m: linear(*h) for m, (_, h) in parts.items()})
    method.alpha, method.eta = golden.need("lbours_alpha", "lbours_eta")
    whole = dict(zip(parts, golden.each("lbours_", inputs).values(), strict=True))
    label = golden["lbours_labels"]
    fit, held = (
        Batch(
            {m: x[rows] for m, x in whole.items()},
            label[rows],
            rows,
            torch.ones(len(rows), len(parts)) > 0,
        )
        for rows in torch.arange(len(label)).chunk(2)
    )
    slope, cosine = method.ahead(fit, held)
    close(slope, golden["lbours_hyper_grad"])
    assert 0 < -slope.sign() * cosine <= 1
    classify, match = method.losses(method(fit), fit.label)
    close(classify.detach(), golden["lbours_train_ce"])
    close(match.detach(), golden["lbours_train_match"])
    alpha, eta = method.alpha, method.eta
    loss = (1 - alpha) * classify + alpha * match
    grads = torch.autograd.grad(loss, list(method.parameters()))
    with torch.no_grad():
        for w, g in zip(method.parameters(), grads, strict=True):
            w -= eta * g
    close(method.losses(method(held), held.label)[0].detach(), golden["lbours_val_ce_after"])
