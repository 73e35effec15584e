"""Greedy: cut off the branch that leans on the others, so that it must use its own input.

Wu et al., "Characterizing and Overcoming the Greedy Nature of Learning in Multi-modal Deep Neural
Networks", ICML 2022, arXiv 2202.05306.

Every modality has a branch, an encoder with a classifier of its own; between their last stages
gates (MMTM) let all modalities scale each one's channels. A branch whose gates learn faster,
relative to the branch itself, than another's is cut off for some steps: its gates are constants.
The answer is the branches' mean. What is reported of one modality is of its branch when all are cut
off (ours): otherwise its features and its head would tell of the others too.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm

from bench.method import Method, Prediction, Settings, knob

GATES = 3  # at most, after the last stages; released code
RATIO = 4  # by which gates reduce; released code
WARM_UP = 1  # epochs in which no branch is cut off; released code


class Greedy(Method):
    has_own_heads = True
    uses_fusion = False
    independent_encoders = False
    min_modalities = 2
    cost = "M own heads, gates between encoders; a norm of all gradients"

    @dataclass(frozen=True)
    class Config(Settings):
        alpha: float = knob(0.01, low=0.0)  # tolerated difference of log10 speeds
        window: int = knob(5, low=1)  # Q, steps that a branch is cut off
        balance: str = knob("speed", choices=("speed", "random", "never"))  # who is cut off

        def idle(self, epochs):
            if epochs <= WARM_UP:
                return dict.fromkeys(("alpha", "window", "balance"), f"epochs is {epochs}")
            if self.balance != "speed":
                return dict.fromkeys(("alpha", "window"), f"balance is {self.balance}")
            return {}

    def __init__(self, task, config):
        super().__init__(task, config)
        count = min(GATES, *(len(e.widths) for e in self.encoders.values()))
        self.gates = nn.ModuleList(self.gate(place) for place in range(-count, 0))
        self.rule = CutRule(len(self.modalities))

    def build_head(self):
        return self.task.heads(self.dims)

    def gate(self, place):
        """The gate behind every encoder's stage of that place, counted from the last."""
        widths = {m: e.widths[place] for m, e in self.encoders.items()}
        total = sum(widths.values())
        hidden = max(1, 2 * total // RATIO)
        squeeze = self.task.linear(total, hidden, f"squeeze {place}")
        layers = {m: self.task.linear(hidden, w, f"excite {place} {m}") for m, w in widths.items()}
        return Gate(squeeze, nn.ModuleDict(layers))

    def departures(self):
        if len(self.gates) == GATES:
            return []
        return [f"its gates stand behind the last {len(self.gates)} stages, in the paper {GATES}"]

    def forward(self, batch, cut=()):
        """cut: the modalities whose branches are cut off from the others."""
        features = self.gated(batch, cut)
        unimodal = {m: self.head[m](z) for m, z in features.items()}
        return Prediction(torch.stack(list(unimodal.values())).mean(dim=0), unimodal, features)

    def predict(self, batch):
        return replace(self(batch, cut=self.modalities), logits=self(batch).logits)

    def gated(self, batch, cut):
        """Features of all branches, modality -> [B, D]."""
        size, count = len(batch.label), len(self.gates)
        x = {m: batch.inputs[m] for m in self.modalities}
        parts = {m: self.encoders[m].parts() for m in x}
        for m in x:
            for part in parts[m][:-count]:
                x[m] = self.through(part, x[m])
        for place, gate in enumerate(self.gates, -count):
            x = {m: self.through(parts[m][place], x[m]) for m in x}
            kept = {m: batch.kept(m) for m in x}
            scale = gate({m: squeezed(x[m], size) * kept[m] for m in x}, cut)
            x = {m: scaled(x[m], scale[m] * kept[m]) for m in x}
        return {m: squeezed(x[m], size) for m in x}

    def step(self, batch, optimizer, clock):
        ready = clock.epoch >= WARM_UP
        cut = self.drawn(ready) if self.config.balance == "random" else self.rule.cut
        names = () if cut is None else self.modalities[cut : cut + 1]
        loss = sum(cross_entropy(u, batch.label) for u in self(batch, names).unimodal.values())
        optimizer.zero_grad()
        loss.backward()
        if self.config.balance == "speed":
            if cut is None:
                self.rule.observe(self.speeds(), self.config.alpha if ready else None)
            else:
                self.rule.wait(self.config.window)
        optimizer.step()  # the gates of the branch that is cut off have no gradient, and stay
        loss = loss.detach()
        return {"loss": loss} | {
            f"cut off {m}": torch.full_like(loss, m in names) for m in self.modalities
        }

    def drawn(self, ready):
        """One of none and all modalities, with equal chance."""
        place = torch.randint(
            len(self.modalities) + 1, (), generator=self.generator, device=self.device
        )
        return int(place) - 1 if ready and place else None

    @torch.no_grad()
    def speeds(self):
        """How fast every branch's gates learn, and the branch itself, [2, M]. The squeezing layers,
        which all branches share, count in each."""
        shared = [p for gate in self.gates for p in gate.squeeze.parameters()]
        gates, branches = [], []
        for m in self.modalities:
            own = [p for gate in self.gates for p in gate.excite[m].parameters()]
            gates.append(speed([*shared, *own]))
            branches.append(speed([*self.encoders[m].parameters(), *self.head[m].parameters()]))
        return torch.stack([torch.stack(gates), torch.stack(branches)])

    def learned(self, loader):
        return [
            {"title": f"{m} cut off", "unit": "share of steps", "logged": f"cut off {m}"}
            for m in self.modalities
        ]


class CutRule(nn.Module):
    """Says which of M branches is cut off in the next step.

    cut: the branch's place, or None. It is known to the host, since it decides which part of the
    network has gradients: one wait for the device in every regular step.
    """

    def __init__(self, count: int):
        super().__init__()
        self.register_buffer("sums", torch.zeros(2, count))  # U and V, over regular steps
        self.cut, self.waited = None, 0

    def observe(self, speeds: Tensor, alpha: float | None) -> None:
        """After a regular step. speeds: of gates and of branches, [2, M]. alpha: None if no branch
        may be cut off yet."""
        self.sums += speeds
        relative = self.relative()
        if alpha is not None and float(relative.max() - relative.min()) > alpha:
            self.cut, self.waited = int(relative.argmax()), 0

    def relative(self) -> Tensor:
        """log10 of how much faster a branch's gates learn than the branch, [M]."""
        return (self.sums[0] / self.sums[1]).log10()

    def wait(self, window: int) -> None:
        """After a step with a branch cut off, of which there are `window` in a row."""
        self.waited += 1
        if self.waited == window:
            self.cut = None

    def get_extra_state(self):
        return torch.tensor([-1 if self.cut is None else self.cut, self.waited])

    def set_extra_state(self, state):
        cut, self.waited = state.tolist()
        self.cut = None if cut < 0 else cut


class Gate(nn.Module):
    """A multimodal transfer module (MMTM): what all modalities hold scales each one's channels.

    squeeze: Linear from all channels. excite: modality -> Linear to its channels.
    """

    def __init__(self, squeeze: nn.Linear, excite: nn.ModuleDict):
        super().__init__()
        self.squeeze, self.excite = squeeze, excite
        self.register_buffer("mean", torch.zeros(squeeze.in_features))  # of gates, all channels
        self.register_buffer("count", torch.zeros(()))  # training batches seen

    def forward(self, squeezed: dict[str, Tensor], cut: Collection[str] = ()) -> dict[str, Tensor]:
        """g_m, modality -> [B, C_m]; of the modalities `cut` the running mean, without gradient.

        squeezed: s_m, modality -> [B, C_m].
        """
        e = self.squeeze(torch.cat(list(squeezed.values()), dim=1)).relu()
        gates = {m: layer(e).sigmoid() for m, layer in self.excite.items()}
        if self.training:
            now = torch.cat(list(gates.values()), dim=1).detach().mean(dim=0)
            self.mean = (now + self.count * self.mean) / (self.count + 1)
            self.count += 1
        return gates | {m: self.means()[m].expand_as(gates[m]) for m in cut}

    def means(self) -> dict[str, Tensor]:
        """gbar_m, modality -> [C_m]."""
        widths = [layer.out_features for layer in self.excite.values()]
        return dict(zip(self.excite, self.mean.split(widths), strict=True))


def squeezed(x: Tensor, size: int) -> Tensor:
    """Mean over all positions and frames: [B * T, C, ...] -> [B, C]. size: B."""
    rows = x.mean(dim=list(range(2, x.ndim))) if x.ndim > 2 else x
    return rows.view(size, -1, x.shape[1]).mean(dim=1)


def scaled(x: Tensor, gate: Tensor) -> Tensor:
    """Every channel of x [B * T, C, ...] by its gate [B, C]."""
    rows = gate.repeat_interleave(len(x) // len(gate), dim=0)
    return x * rows.view(*rows.shape, *[1] * (x.ndim - 2))


def speed(parameters: Iterable[nn.Parameter]) -> Tensor:
    """mu, the squared length of all gradients together over that of all weights together."""
    weights = list(parameters)
    return (get_total_norm([p.grad for p in weights]) / get_total_norm(weights)).square()
