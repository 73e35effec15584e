"""AGM: shares, their losses and coefficients, and the gradients of its steps."""

import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods import agm
from bench.methods.agm import AGM, coefficients, leads, shapley_shares, share_losses
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import close

FILE = "agm.npz"
DURING = Clock(epoch=0, epochs=1, step=0, steps=1)


class Encoder(nn.Module):
    """tanh(x A)."""

    def __init__(self, weight):
        super().__init__()
        self.dim, self.weight = weight.shape[1], nn.Parameter(weight.clone())

    def forward(self, x):
        return (x @ self.weight).tanh()


class Head(nn.Module):
    """[z_1 ..] O + b, or tanh([z_1 ..] H) O + b where the file has H."""

    def __init__(self, weights):
        super().__init__()
        for name, weight in weights.items():
            self.register_parameter(name, nn.Parameter(weight.clone()))

    def forward(self, features):
        z = torch.cat(list(features.values()), dim=1)
        return ((z @ self.H).tanh() if hasattr(self, "H") else z) @ self.O + self.b


class Toy:
    """The network of one prefix of the file, in the real AGM, and the file's batches."""

    def __init__(self, golden, prefix):
        self.golden, self.prefix = golden, prefix
        self.names = golden.names(f"{prefix}_param.enc.")
        first = golden.each(f"{prefix}_param.enc.", self.names)
        self.head = [k for k in ("H", "O", "b") if f"{prefix}_param.{k}" in golden.arrays]
        classes = len(golden[f"{prefix}_param.b"])
        self.alpha, self.clamp = (golden[f"{prefix}_{k}"].item() for k in ("alpha", "clamp"))
        spec = DatasetSpec("toy", classes, dict.fromkeys(self.names, Modality("vector", (1,))))
        self.method = AGM(Task(spec, NetworkConfig(dim=1), 0), AGM.Config(alpha=self.alpha))
        self.method.encoders = nn.ModuleDict({m: Encoder(w) for m, w in first.items()})
        self.method.head = Head(golden.each(f"{prefix}_param.", self.head))
        self.method = self.method.double().train()
        labels = golden[f"{prefix}_labels"]
        inputs = [golden[f"{prefix}_x{m}"] for m in self.names]
        everything = torch.ones(labels.shape[1], len(inputs), dtype=torch.bool)
        self.batches = [
            Batch(dict(zip(self.names, x, strict=True)), y, torch.arange(len(y)), everything)
            for *x, y in zip(*inputs, labels, strict=True)
        ]

    def gradients(self):
        named = {f"enc.{m}": e.weight.grad for m, e in self.method.encoders.items()}
        return named | {k: p.grad for k, p in self.method.head.named_parameters()}

    def expect(self, key, found):
        close(torch.stack([f.detach() for f in found]), self.golden[f"{self.prefix}_{key}"])


def toys(golden):
    return [Toy(golden, prefix) for prefix in golden.names("", "_param.O")]


def test_shares_of_a_network_and_their_sum(golden):
    for toy in toys(golden):
        outputs = [toy.method.coalition_logits(b) for b in toy.batches]
        shares = [shapley_shares(o, toy.names) for o in outputs]
        toy.expect("contrib", shares)
        toy.expect("total", [s.sum(dim=0) for s in shares])
        toy.expect("fused", [o[frozenset(toy.names)] for o in outputs])


def test_modulated_gradients_and_running_means_of_steps(golden, monkeypatch):
    monkeypatch.setattr(agm, "clip_gradients", lambda *_: None)  # the file's are not clipped
    for toy in toys(golden):
        bounded = lambda *a, clamp=toy.clamp: coefficients(*a, clamp)  # noqa: E731
        monkeypatch.setattr(agm, "coefficients", bounded)
        found, running = [], []
        for batch in toy.batches:
            toy.method.step(batch, SGD(toy.method.parameters(), lr=0.0), DURING)
            found.append({k: g.clone() for k, g in toy.gradients().items()})
            running.append(toy.method.running.clone())
        toy.expect("running", running)
        for key in found[0]:
            toy.expect(f"grad.{key}", [g[key] for g in found])


def test_plain_gradients(golden):
    for toy in toys(golden):
        found = []
        for batch in toy.batches:
            toy.method.zero_grad()
            toy.method.loss(toy.method(batch), batch, DURING).backward()
            found.append({k: g.clone() for k, g in toy.gradients().items()})
        for key in found[0]:
            toy.expect(f"plain_grad.{key}", [g[key] for g in found])


def test_losses_and_coefficients_of_shares(golden):
    """Of steps that follow one another, with the running means before each."""
    for prefix in golden.names("", "_nll"):
        shares, labels, alpha, clamp, running = golden.need(
            *(f"{prefix}_{k}" for k in ("contrib", "labels", "alpha", "clamp", "running"))
        )
        now = torch.stack([share_losses(*step) for step in zip(shares, labels, strict=True)])
        before = torch.cat([torch.zeros_like(running[:1]), running[:-1]])
        means = now.cumsum(dim=0) / torch.arange(1, len(now) + 1)[:, None]
        close(now, golden[f"{prefix}_nll"])
        close(means, running)
        for t in range(len(now)):
            close(leads(now[t]), golden[f"{prefix}_r"][t])
            close(leads(before[t]), golden[f"{prefix}_tau"][t])
            factor = coefficients(now[t], before[t], alpha.item(), clamp.item())
            close(factor, golden[f"{prefix}_coeff"][t])


def test_shares_of_coalitions(golden):
    """`subset<M>_<letters>`: a letter for each modality."""
    for count in golden.names("subset", "_contrib"):
        prefix = f"subset{count}_"
        sets = [s for s in golden.names(prefix) if s != "contrib"]
        outputs = {frozenset(s): golden[prefix + s] for s in sets}
        close(shapley_shares(outputs, max(sets, key=len)), golden[f"{prefix}contrib"])
