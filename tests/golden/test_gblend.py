"""G-Blend: gains, growths, weights, the blended loss, and a whole estimate on linear networks. What
the file has of other code (`ref_*`) and of the theory behind it (`theory_*`, `ogr`) is not read."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.gblend import GBlend, blend, blended, gains, merits
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import close

FILE = "gblend.npz"


def measured(golden):
    """A, B, A', B' of every case: [cases, 4, K]."""
    return torch.stack(golden.need("LT_start", "LV_start", "LT_end", "LV_end"), dim=1)


def test_gains(golden):
    for case, gain, growth in zip(measured(golden), *golden.need("G", "dO"), strict=True):
        close(torch.stack(gains(case)), torch.stack([gain, growth]))


def test_weights(golden):
    floor, raw, weights = golden.need("eps", "raw", "weights")
    for case, merit, weight in zip(measured(golden), raw, weights, strict=True):
        close(merits(*gains(case), floor), merit)
        close(blend(*gains(case), floor), weight)


def test_blended_loss(golden):
    for losses, weights, loss in zip(
        *golden.need("head_losses", "weights", "blended_loss"), strict=True
    ):
        close(blended(losses, weights), loss)


class Linear(nn.Linear):
    @property
    def dim(self):
        return self.out_features


@dataclass(frozen=True)
class Linears(Task):
    """Encoders are linear, of these numbers of inputs and outputs."""

    widths: dict[str, tuple[int, int]] = field(default_factory=dict)

    def encoder(self, modality, stream=""):
        return Linear(*self.widths[modality])


def network(golden):
    """The method with the file's weights, and its modalities."""
    names = golden.names("e2e_encW")
    widths = {m: w.shape[::-1] for m, w in golden.each("e2e_encW", names).items()}
    inputs = {m: Modality("vector", (w[0],)) for m, w in widths.items()}
    spec = DatasetSpec("toy", len(golden["e2e_fuseb"]), inputs)
    method = GBlend(Linears(spec, NetworkConfig(), 0, widths=widths), GBlend.Config())
    layers = [("fuse", "", method.head.linear)]
    layers += [("enc", m, method.encoders[m]) for m in names]
    layers += [("head", m, method.own[m]) for m in names]
    for kind, m, layer in layers:
        weight, bias = golden.need(f"e2e_{kind}W{m}", f"e2e_{kind}b{m}")
        layer.load_state_dict({"weight": weight, "bias": bias})
    return method.double(), names


def batches(golden, part, names, size):
    inputs, labels = golden.each(f"e2e_X{part}", names), golden[f"e2e_y{part}"]
    for rows in torch.arange(len(labels)).split(size):
        chosen = {m: x[rows].double() for m, x in inputs.items()}
        keep = torch.ones(len(rows), len(names), dtype=torch.bool)
        yield Batch(chosen, labels[rows], rows, keep)


def test_an_estimate(golden):
    method, names = network(golden)
    size, epochs, rate = golden.need("e2e_batch", "e2e_epochs", "e2e_lr")
    parts = {part: list(batches(golden, part, names, size.item())) for part in "TV"}
    data = SimpleNamespace(hold_out=lambda share: parts["V"], ordered=lambda: parts["T"])
    stage = method.stages(1)[0]
    optimizer = SGD(stage.params, lr=rate.item())
    stage.begin(data)
    for epoch in range(epochs):
        for batch in parts["T"]:
            stage.step(batch, optimizer, Clock(epoch, epochs.item(), 0, 1))
    stage.end(data)
    expected, weights = golden.need("e2e_losses", "e2e_weights")
    torch.testing.assert_close(method.measured.T, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(method.weights, weights, rtol=0, atol=1e-3)
