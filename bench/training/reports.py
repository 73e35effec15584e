"""What the steps of an epoch tell: their metrics, and how long the encoders' gradients are."""

from math import hypot, isfinite
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.method import Metrics

WATCHED = 4  # first steps of an epoch whose gradients are measured: all would cost percents of it


class GradientNorms:
    """Norms of the encoders' gradients as the optimizer finds them, inside `with`, while `on`.

    They are read before each update, after all that a method does to gradients; weight decay is not
    in them. Where a step makes several updates each counts, for the encoders that have a gradient.
    """

    def __init__(self, encoders: nn.ModuleDict, optimizer: Optimizer):
        self.trained = {
            m: [p for p in encoder.parameters() if p.requires_grad]
            for m, encoder in encoders.items()
        }
        self.optimizer, self.on = optimizer, True
        self.parts: list[tuple[str, list[Tensor]]] = []  # modality, and a norm per parameter

    def __enter__(self) -> "GradientNorms":
        self.hook = self.optimizer.register_step_pre_hook(self.look)
        return self

    def __exit__(self, *_: object) -> None:
        self.hook.remove()

    def look(self, *_: object) -> None:
        if not self.on:
            return
        for m, parameters in self.trained.items():
            gradients = [p.grad.detach() for p in parameters if p.grad is not None]
            if gradients:
                self.parts.append((m, torch._foreach_norm(gradients)))

    def values(self) -> dict[str, list[float]]:
        """Modality -> a norm per update. Waits for the device."""
        if not self.parts:
            return {}
        flat = iter(torch.stack([norm for _, norms in self.parts for norm in norms]).tolist())
        values: dict[str, list[float]] = {}
        for m, norms in self.parts:
            values.setdefault(m, []).append(hypot(*(next(flat) for _ in norms)))
        return values


def report(at: dict, rows: list[Metrics], norms: GradientNorms, seconds: float) -> None:
    """Adds what further steps of an epoch gave. The device is waited for here, once."""
    at["training"] += seconds
    if not rows:
        return
    new = torch.stack([r[k].float() for r in rows for k in rows[0]]).view(len(rows), -1).cpu()
    at["names"], at["steps"] = list(rows[0]), at["steps"] + len(rows)
    at["table"] = new if at["table"] is None else torch.cat([at["table"], new])
    for m, values in norms.values().items():
        at.setdefault("gradients", {}).setdefault(m, []).extend(values)


def mean_norms(at: dict) -> dict[str, dict[str, float]]:
    """The entry `gradient_norm` of the epoch's row, modality -> mean; empty where no encoder has
    finite ones."""
    means = {m: fmean(values) for m, values in at.get("gradients", {}).items()}
    means = {m: mean for m, mean in means.items() if isfinite(mean)}
    return {"gradient_norm": means} if means else {}
