"""Watchers of a pass over test: answers with sets of modalities, and what single heads say."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.evaluation.masking import ZERO, Reader
from bench.metrics import balance
from bench.types import Batch, Prediction

MOST = 5  # modalities of which all sets are asked for; of more: none, each, all but each, all


def asked(modalities: int) -> NDArray:
    """The sets of modalities that are looked at, [S, M] bool."""
    if modalities <= MOST:
        return balance.subsets(modalities)
    one = np.eye(modalities, dtype=bool)
    whole = np.ones((1, modalities), dtype=bool)
    return np.concatenate([~whole, one, ~one, whole])


class SubsetAnswers:
    """Answers with every set of modalities, by each readout of `reader`."""

    def __init__(self, reader: Reader):
        self.reader, self.names = reader, reader.method.modalities
        self.present = asked(len(self.names))
        self.logits: list[Tensor] = []  # of the readout `mask`, [S, B, C] a batch
        self.counts: dict[str, list[Tensor | int]] = {
            readout: [0] * len(self.present) for readout in reader.readouts
        }

    def add(self, batch: Batch, encoded: Batch, out: Prediction) -> None:
        rows = torch.from_numpy(self.present).to(batch.label.device)
        for readout, counts in self.counts.items():
            answers = []
            for i, row in enumerate(rows):
                shown = row.expand(len(batch.label), -1)
                taken = self.reader.taken(encoded, shown, readout)
                answers.append(self.reader.answer(taken).logits)
                counts[i] = counts[i] + (answers[-1].argmax(dim=1) == batch.label).sum()
            if readout == ZERO:
                self.logits.append(torch.stack(answers).float().cpu())

    @property
    def whole(self) -> Tensor:
        """The answer with all modalities, [N, C]."""
        return torch.cat([part[-1] for part in self.logits])

    def accuracies(self, readout: str) -> list[float]:
        """Of each set."""
        total = sum(part.shape[1] for part in self.logits)
        return [int(count) / total for count in self.counts[readout]]

    def records(self) -> list[dict[str, object]]:
        """Per set its modalities and the accuracy by each readout."""
        records = [
            {"modalities": [m for m, p in zip(self.names, r, strict=True) if p]}
            for r in self.present
        ]
        for readout in self.counts:
            for record, accuracy in zip(records, self.accuracies(readout), strict=True):
                record[readout] = accuracy
        return records

    def alone(self) -> dict[str, dict[str, float]]:
        """Readout -> modality -> accuracy with that modality alone."""
        single = {int(np.flatnonzero(r)[0]): i for i, r in enumerate(self.present) if r.sum() == 1}
        return {
            readout: {m: self.accuracies(readout)[single[i]] for i, m in enumerate(self.names)}
            for readout in self.counts
        }

    def arrays(self) -> dict[str, NDArray]:
        """modalities [M], present [S, M] bool, logits [S, N, C] float32 of the readout `mask`."""
        return {
            "modalities": np.array(self.names),
            "present": self.present,
            "logits": torch.cat(self.logits, dim=1).numpy(),
        }


class Heads:
    """Accuracies of the modalities' shares of the fused logits, and of heads of their own."""

    def __init__(self, reader: Reader):
        self.method = reader.method
        self.counts: dict[str, dict[str, Tensor | int]] = {}
        self.samples = 0

    def add(self, batch: Batch, encoded: Batch, out: Prediction) -> None:
        self.samples += len(batch.label)
        heads = {"slice": self.method.shares(out.features)}
        if self.method.has_own_heads:
            heads["own_head"] = out.unimodal
        for readout, logits in heads.items():
            counts = self.counts.setdefault(readout, {})
            for m, u in logits.items():
                counts[m] = counts.get(m, 0) + (u.argmax(dim=1) == batch.label).sum()

    def accuracies(self) -> dict[str, dict[str, float]]:
        """Readout -> modality -> accuracy; without those that the method has not."""
        return {
            readout: {m: int(count) / self.samples for m, count in counts.items()}
            for readout, counts in self.counts.items()
            if counts
        }
