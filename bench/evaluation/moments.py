"""Mean and deviation of tensors that come batch by batch."""

import torch
from torch import Tensor

MOST = 2**22  # numbers that are in float64 at a time


class Moments:
    """Over samples, and over all axes of a sample but its dimension or channel: the first axis, or
    the last of a sequence [T, D]. Sums in float64, of at most MOST numbers at a time."""

    def __init__(self):
        self.count, self.sums, self.squares = 0, 0.0, 0.0

    def add(self, x: Tensor) -> None:
        """x: [B, ...]."""
        axis = 2 if x.ndim == 3 else 1
        others = [i for i in range(x.ndim) if i != axis]
        self.count += x.numel() // x.shape[axis]
        for part in x.split(max(1, MOST // x[0].numel())):
            wide = part.to(torch.float64, copy=True)
            self.sums = self.sums + wide.sum(dim=others, keepdim=True)
            self.squares = self.squares + wide.square_().sum(dim=others, keepdim=True)

    @property
    def mean(self) -> Tensor:
        """float32, of a shape that fits a batch."""
        return (self.sums / self.count).float()

    @property
    def std(self) -> Tensor:
        """float32, of a shape that fits a batch; the deviation of a whole split has no ddof."""
        variance = self.squares / self.count - (self.sums / self.count).square()
        return variance.clamp_min(0).sqrt().float()


class Spread:
    """Moments of a pass's features and raw inputs, per modality; whole numbers have none."""

    def __init__(self):
        self.features: dict[str, Moments] = {}
        self.inputs: dict[str, Moments] = {}

    def add(self, batch, encoded, out) -> None:
        for kept, tensors in ((self.features, encoded.inputs), (self.inputs, batch.inputs)):
            for m, x in tensors.items():
                if torch.is_floating_point(x):
                    kept.setdefault(m, Moments()).add(x)
