"""ReconBoost: the loss of a turn, the ensemble, and whole turns from the released code's start."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.reconboost import ReconBoost, boost, memory
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import close

FILE = "reconboost.npz"


def turn(golden):
    """The learner's logits, with gradient, the others' and the one before's; labels and weights."""
    keys = ("logits", "others", "previous", "labels", "w1", "w2", "alpha")
    logits, *rest = golden.need(*(f"loss_{k}" for k in keys))
    return logits.clone().requires_grad_(), *rest[:3], *(w.item() for w in rest[3:])


def gradient(loss, logits):
    return torch.autograd.grad(loss, logits)[0]


@pytest.mark.parametrize("first", [False, True])
def test_boost(golden, first):
    logits, others, _, labels, agreement, reconcilement, _ = turn(golden)
    loss = boost(logits, None if first else others, labels, agreement, reconcilement)
    name = "first_stage" if first else "boost"
    close(loss.detach(), golden[f"{name}_per_sample"])
    close(gradient(loss.mean(), logits), golden[f"{name}_grad"])


def test_mean_of_boost(golden):
    logits, others, _, labels, agreement, reconcilement, _ = turn(golden)
    loss = boost(logits, others, labels, agreement, reconcilement).mean()
    close(loss.detach(), golden["boost_mean"])


def test_memory(golden):
    logits, _, previous, *_ = turn(golden)
    loss = memory(logits, previous)
    close(loss.detach(), golden["consolidation"])
    close(gradient(loss, logits), golden["consolidation_grad"])


def test_loss_of_a_turn_and_what_the_released_code_trains_of_it(golden):
    logits, others, previous, labels, agreement, reconcilement, alpha = turn(golden)
    own = boost(logits, others, labels, agreement, reconcilement).mean()
    whole = own + alpha * memory(logits, previous)
    close(whole.detach(), golden["stage_mean"])
    close(gradient(own, logits), golden["stage_grad_released"])
    own = boost(logits, others, labels, agreement, reconcilement).mean()
    close(gradient(own + alpha * memory(logits, previous), logits), golden["stage_grad"])


class Encoder(nn.Module):
    """tanh(Linear(x))."""

    def __init__(self, weight, bias):
        super().__init__()
        self.dim = len(bias)
        self.enc = nn.Linear(*weight.shape[::-1]).double()
        self.enc.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, x):
        return self.enc(x).tanh()


def method_of(names, encoders, head, rate, **settings) -> ReconBoost:
    """With a linear head and these weights. encoders: (weight, bias) of every modality."""
    spec = DatasetSpec("toy", len(head[1]), {m: Modality("vector", (1,)) for m in names})
    width = len(encoders[0][1])
    config = ReconBoost.Config(hidden=0, **settings)
    method = ReconBoost(Task(spec, NetworkConfig(dim=width), 0), config).double()
    nn.init.constant_(method.rate, rate)  # to the last bit of float64
    pairs = zip(names, encoders, strict=True)
    method.encoders = nn.ModuleDict({m: Encoder(*weights) for m, weights in pairs})
    method.head.load_state_dict(dict(zip(("weight", "bias"), head, strict=True)))
    return method.train()


def batch_of(inputs, label):
    keep = torch.ones(len(label), len(inputs), dtype=torch.bool)
    return Batch(inputs, label, torch.arange(len(label)), keep)


def ensemble(golden):
    names = golden.names("ens_x_")
    encoders = [golden.need(f"ens_enc_weight_{m}", f"ens_enc_bias_{m}") for m in names]
    head, rate = golden.need("ens_head_weight", "ens_head_bias"), golden["ens_boost_rate"].item()
    method = method_of(names, encoders, head, rate)
    return method, batch_of(golden.each("ens_x_", names), golden["ens_labels"])


def test_ensemble(golden):
    method, batch = ensemble(golden)
    with torch.no_grad():
        out = method(batch)
    logits = torch.stack(list(out.unimodal.values()))
    close(logits, golden["ens_logits"])
    close(out.logits, golden["ens_fused"])
    close(method.rate.detach() * (logits.sum(dim=0) - logits), golden["ens_others"])


def test_rectification(golden):
    method, batch = ensemble(golden)
    loss = cross_entropy(method(batch).logits, batch.label)
    loss.backward()
    close(loss.detach(), golden["ens_rectify_loss"])
    close(method.rate.grad, golden["ens_grad_boost_rate"])
    close(method.head.weight.grad, golden["ens_grad_head_weight"])


@pytest.mark.parametrize("kind", ["traj", "traj_mcr"])
def test_turns(golden, kind):
    """`traj` is the released code, which trains nothing of the memory term but adds it to the loss
    that it prints; `traj_mcr` is ours."""
    names, count = golden.names("traj_x_"), len(golden.names("traj_stage", "_boost_rate"))
    optimizer_keys = ("traj_lr", "traj_momentum", "traj_weight_decay")
    lr, momentum, decay = (x.item() for x in golden.need(*optimizer_keys))
    epochs, w1, w2, alpha, rate = (
        golden[f"traj_{k}"].item() for k in ("epochs", "w1", "w2", "alpha", "boost_rate_init")
    )
    planned = epochs * (1 + len(names)) * -(-count // len(names))
    method = method_of(
        names,
        [golden.need(f"traj_init.{m}.enc.weight", f"traj_init.{m}.enc.bias") for m in names],
        golden.need("traj_init.head.weight", "traj_init.head.bias"),
        rate,
        turn=epochs / planned,
        rectify=epochs / planned,
        agreement=w1,
        reconcilement=w2,
        memory=alpha if kind == "traj_mcr" else 0.0,
    )
    inputs, labels = golden.each("traj_x_", names), golden["traj_labels"]
    batches = [batch_of({m: x[i] for m, x in inputs.items()}, y) for i, y in enumerate(labels)]
    for place, stage in enumerate(method.stages(planned)[: 2 * count]):
        s, phase = divmod(place, 2)
        optimizer = SGD(stage.groups(), lr=lr, momentum=momentum, weight_decay=decay)
        clocks = [Clock(e, stage.epochs, i, 1) for e in range(epochs) for i in range(len(batches))]
        assert stage.epochs == epochs
        found = [stage.step(batches[c.step], optimizer, c)["loss"] for c in clocks]
        if phase or kind == "traj_mcr" or s == 0:
            close(torch.stack(found), golden[f"{kind}_stage{s}_{('loss', 'rectify_loss')[phase]}"])
        after = f"{kind}_stage{s}_phase{phase + 1}."
        for name in golden.names(after):
            owner, rest = name.split(".", 1)
            part = method.head if owner == "head" else method.encoders[owner]
            close(part.get_parameter(rest).detach(), golden[f"{after}{name}"])
        if phase:
            close(method.rate.detach(), golden[f"{kind}_stage{s}_boost_rate"])
