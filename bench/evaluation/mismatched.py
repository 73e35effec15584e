"""What a network answers where the modalities of samples of different classes are joined."""

from dataclasses import replace

import torch
from torch import Tensor

from bench.evaluation.masking import Reader
from bench.metrics import balance
from bench.seeds import generator
from bench.types import Batch, Prediction


class Mismatched:
    """Watcher of a pass over test: keeps features, joins them anew, and asks once more.

    A method whose encoders see one another has no features to join.
    """

    def __init__(self, reader: Reader):
        self.reader = reader
        self.parts: list[Batch] = []

    def add(self, batch: Batch, encoded: Batch, out: Prediction) -> None:
        if self.reader.method.independent_encoders:
            self.parts.append(encoded)

    def share(self, seed: int) -> float | None:
        """Of joined samples, those whose M labels are the M highest logits; inside `reading`.

        None for one modality, for encoders that see one another, for as few classes as modalities,
        and for a split with samples of fewer classes than that.
        """
        names, classes = self.reader.method.modalities, self.reader.method.task.classes
        if not self.parts or not 1 < len(names) < classes:
            return None
        whole = {m: torch.cat([part.inputs[m] for part in self.parts]) for m in names}
        labels = torch.cat([part.label for part in self.parts]).cpu()
        if len(labels.unique()) < len(names):
            return None
        rows = joined(labels, len(names), generator(seed, "mismatched"))
        logits = []
        places = rows.split([len(part.label) for part in self.parts], dim=1)
        for part, place in zip(self.parts, places, strict=True):
            taken = place.to(part.label.device)
            inputs = {m: whole[m][rows_of] for m, rows_of in zip(names, taken, strict=True)}
            logits.append(self.reader.answer(replace(part, inputs=inputs)).logits.float().cpu())
        return balance.mismatched(torch.cat(logits).numpy(), labels[rows].numpy())


def joined(labels: Tensor, modalities: int, draw: torch.Generator) -> Tensor:
    """Places of samples of M different classes, labels [N] -> [M, N], on the host.

    Of the first modality each sample itself; of each further one a sample that is drawn, all those
    of classes that are not yet there being as likely. Needs samples of M classes.
    """
    counts = labels.bincount()
    starts = counts.cumsum(dim=0) - counts
    order = labels.argsort(stable=True)  # class by class
    places = [torch.arange(len(labels))]
    while len(places) < modalities:
        taken = torch.stack([labels[one] for one in places]).sort(dim=0).values
        free = len(labels) - counts[taken].sum(dim=0)
        at = (torch.rand(len(labels), generator=draw, dtype=torch.double) * free).long()
        for own in taken:  # from the lowest class up: past the samples of each
            at += torch.where(at >= starts[own], counts[own], 0)
        places.append(order[at])
    return torch.stack(places)
