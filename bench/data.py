"""What a method may read during training: the training split, and no other."""

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.seeds import generator
from bench.types import Batch, DatasetSpec, Split

LOOK = 256  # samples in a batch of an ordered pass


class Source:
    """A split's samples as batches on the device, standardised as the data set's spec says."""

    def __init__(self, split: Split, spec: DatasetSpec, device: torch.device):
        self.split, self.spec, self.device = split, spec, device
        # Arrays in the device's own memory make a batch one gather; the host's stay mapped.
        self.inputs = {m: x.to(device) for m, x in split.inputs.items()}
        self.rows, self.labels = split.rows.to(device), split.labels.to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor, keep: Tensor) -> Batch:
        """Samples `index` [B], showing modalities `keep` [B, M]."""
        index = index.to(self.device)
        rows = self.rows[index]
        inputs = {
            m: (self.inputs[m][rows].float() - info.mean) / info.std
            for m, info in self.spec.modalities.items()
        }
        return Batch(inputs, self.labels[index], index, keep.to(self.device))

    def everything(self, index: Tensor) -> Tensor:
        """The `keep` that withholds nothing, [B, M]."""
        return torch.ones(len(index), len(self.spec.modalities), dtype=torch.bool)


class OrderedLoader:
    """Samples `index` [K] once each, in order, without augmentation. It has a length in samples."""

    def __init__(self, source: Source, index: Tensor | None = None):
        self.source = source
        self.index = torch.arange(len(source)) if index is None else index

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.index.split(LOOK):
            yield self.source.batch(rows, self.source.everything(rows))


class TrainData:
    """The training split: shuffled batches to train on, ordered ones to look at."""

    def __init__(self, split: Split, spec: DatasetSpec, batch_size: int, seed: int, device):
        self.source = Source(split, spec, device)
        self.batch_size, self.seed = batch_size, seed
        self.index = torch.arange(len(split))
        self.keep = self.source.everything(self.index)
        self.held = torch.empty(0, dtype=torch.long)
        self.passes = 0

    def __len__(self) -> int:
        """Batches of an epoch. A tail of one sample joins the batch before it: batch statistics
        and contrastive losses have no meaning on it."""
        whole, tail = divmod(len(self.index), self.batch_size)
        return max(1, whole + (tail > 1))

    def __iter__(self) -> Iterator[Batch]:
        """One epoch. Its order depends on the seed and the number of the pass alone, so that no
        method's random draws can change what another sees."""
        order = torch.randperm(
            len(self.index), generator=generator(self.seed, "order", self.passes)
        )
        self.passes += 1
        starts = [i * self.batch_size for i in range(len(self))]
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            rows = order[start:end]
            yield self.source.batch(self.index[rows], self.keep[rows])

    def ordered(self) -> OrderedLoader:
        """What is trained on, each sample once, in order, without augmentation."""
        return OrderedLoader(self.source, self.index.unique())

    def hold_out(self, share: float) -> OrderedLoader:
        """A seeded share of the samples, which nothing trains on from the first call on. Every
        call gives the same samples."""
        if len(self.held) == 0:
            order = torch.randperm(len(self.source), generator=generator(self.seed, "held out"))
            self.held = order[: round(share * len(order))].sort().values
            self.resample(order[len(self.held) :].sort().values)
        return OrderedLoader(self.source, self.held)

    def resample(self, index: Tensor, keep: Tensor | None = None) -> None:
        """Train on samples `index` [K] from now on, showing modalities `keep` [K, M] of each."""
        self.index = index
        self.keep = self.source.everything(index) if keep is None else keep

    def state_dict(self) -> dict[str, object]:
        return {k: getattr(self, k) for k in ("index", "keep", "held", "passes")}

    def load_state_dict(self, state: dict[str, object]) -> None:
        for key, value in state.items():
            setattr(self, key, value)
