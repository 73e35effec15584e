"""CGGM: factors, cosines, losses and gradients of its step by the page's formulas, and several
steps of the released loop (`step_ref_*`)."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.methods import cggm
from bench.methods.cggm import CGGM, cosines, direction_loss, factors
from tests.golden.files import close
from tests.golden.head_alone import LATE, Case, Tanh, batch_of, method_of

FILE = "cggm.npz"


def cases(golden):
    """Of every case the file's method, as it stands before the step."""
    for name in golden.names("", "_accuracy_before"):
        if name.startswith("f_"):
            continue
        keys = ("rho", "lam", "limit")
        settings = {k: golden[f"{name}_{k}"].item() for k in keys}
        case = Case(golden, name, CGGM, **settings)
        for m, side in case.method.own.items():
            weight, bias = case.need(f"side_weight_{m}", f"side_bias_{m}")
            side.weight, side.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        case.method.accuracy = case.need("accuracy_before")[0].clone()
        yield case


def test_factors_of_accuracies(golden):
    for name in golden.names("", "_factors_raw"):
        now, before = golden.need(f"{name}_accuracy", f"{name}_accuracy_before")
        torch.testing.assert_close(factors(now, before), golden[f"{name}_factors_raw"])


def test_factors_and_losses_of_a_step(golden):
    for case in cases(golden):
        method, label = case.method, case.batch.label
        with torch.no_grad():
            out = method(case.batch)
            factor = method.next_factors(out, label)
            cosine = cosines(out.logits, out.unimodal, out.features, label)
        side = torch.stack(list(out.unimodal.values()))
        fused, direction = cross_entropy(out.logits, label), direction_loss(cosine, factor)
        found = [method.accuracy, factor, out.logits, side, cosine, fused, direction]
        found += [torch.stack([cross_entropy(u, label) for u in side])]
        found += [fused + method.config.lam * direction]
        keys = ("accuracy", "factors", "logits_fused", "side_logits", "cosine", "loss_fused")
        keys += ("loss_direction", "loss_side", "total")
        for value, expected in zip(found, case.need(*keys), strict=True):
            close(value, expected)


def test_gradients(golden, monkeypatch):
    monkeypatch.setattr(cggm, "CLIP", torch.inf)
    for case in cases(golden):
        for name, gradient in case.gradients().items():
            close(gradient, *case.need(f"grad_{name}"))
        for m, side in case.method.own.items():
            close(side.weight.grad, *case.need(f"grad_side_weight_{m}"))
        factor = case.method.config.rho * golden[f"{case.case}_factors"]
        for m, k in zip(case.names, factor, strict=True):
            plain, scaled = case.need(f"grad_{m}_unscaled", f"grad_{m}")
            close(k * plain, scaled)


class Shared(nn.Module):
    """One linear head on the sum of all features."""

    def __init__(self, weight, bias, names):
        super().__init__()
        self.names, self.linear = names, nn.Linear(*weight.shape[::-1]).double()
        self.linear.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, features):
        return self.linear(sum(features.values()))

    def contributions(self, features):
        return {}

    def blocks(self):
        return dict.fromkeys(self.names, self.linear.weight)


def layers(method):
    """The file's names of the layers of its network."""
    return (
        {f"encoders_{m}": e.linear for m, e in method.encoders.items()}
        | {"out_layer": method.head.linear}
        | {f"side_classifers_{m}_out_layer": layer for m, layer in method.own.items()}
    )


def test_steps_of_the_released_loop(golden, monkeypatch):
    clip, rho, lam, rate, slow = golden.need(
        *(f"step_{k}" for k in ("clip", "rho", "lam", "lr", "side_lr"))
    )
    monkeypatch.setattr(cggm, "CLIP", clip.item())
    names = golden.names("step_x_")
    encoders = {
        m: Tanh(*golden.need(*(f"step_before_encoders_{m}_{k}" for k in ("weight", "bias"))))
        for m in names
    }
    weight, bias = golden.need("step_before_out_layer_weight", "step_before_out_layer_bias")
    settings = {"rho": rho.item(), "lam": lam.item(), "limit": 0.0, "direction": "released"}
    head = Shared(weight, bias, names)
    method = method_of(CGGM, encoders, head, len(bias), **settings)
    with torch.no_grad():
        for layer, module in layers(method).items():
            for k, p in module.named_parameters():
                p.copy_(golden[f"step_before_{layer}_{k}"])
    own = {"params": method.own.parameters(), "lr": slow.item()}
    network = {"params": [*method.encoders.parameters(), *method.head.parameters()]}
    optimizer = SGD([network, own], rate.item())
    steps = zip(*golden.each("step_x_", names).values(), golden["step_labels"], strict=True)
    for t, (*x, label) in enumerate(steps):
        report = method.step(batch_of(dict(zip(names, x, strict=True)), label), optimizer, LATE)
        found = torch.stack([report[f"factor {m}"] for m in names])
        torch.testing.assert_close(found, golden["step_ref_factors"][t])
        close(method.accuracy, golden["step_ref_accuracy"][t])
    for layer, module in layers(method).items():
        for k, p in module.named_parameters():
            close(p.detach(), golden[f"step_ref_after_{layer}_{k}"])
