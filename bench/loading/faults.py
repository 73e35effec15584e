"""Training under faults: samples that lack modalities, and labels that are wrong.

Both are drawn once, from the run's seed and a name, so that every method of a seed and every
sitting of a run has the same. Validation and test know none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.seeds import generator
from bench.types import DatasetSpec, Split

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def check_missing(method: str, takes: bool, spec: DatasetSpec, data: Mapping[str, object]) -> None:
    """Raises UserError unless the method can be trained on samples that lack modalities as these
    settings of the data set ask for, and every sample has one left. takes: whether it says so."""
    missing, most = data.get("missing", 0.0), 1 - 1 / len(spec.modalities)
    if missing > most:
        raise UserError(
            f"data.missing of {spec.name} is at most {most:.4g}, where every sample has one of its "
            f"{len(spec.modalities)} modalities left; not {missing:g}."
        )
    if missing and not takes:
        raise UserError(
            f"{method} cannot be trained on samples that lack modalities, since it withholds "
            f"some itself or reads inputs that are not there; leave data.missing={missing:g} out, "
            "or choose a method that can (docs/methods.md)."
        )


def faulty(split: Split, spec: DatasetSpec, data: Mapping[str, object], seed: int) -> Split:
    """The training split with the faults that the settings of the data set ask for; itself if they
    ask for none."""
    noise, missing = data.get("label_noise", 0.0), data.get("missing", 0.0)
    if noise:
        draw = generator(seed, "label noise")
        split = replace(split, labels=mislabelled(split.labels, spec.classes, noise, draw))
    if missing:
        draw = generator(seed, "missing")
        split = replace(split, shown=incomplete(len(split), len(spec.modalities), missing, draw))
    return split


def mislabelled(labels: Tensor, classes: int, share: float, draw: torch.Generator) -> Tensor:
    """Labels [N], of which so many as the share says are another class, each alike."""
    import torch

    places = torch.randperm(len(labels), generator=draw)[: round(share * len(labels))]
    away = torch.randint(1, classes, (len(places),), generator=draw)
    return labels.index_put((places,), (labels[places] + away) % classes)


def incomplete(samples: int, modalities: int, share: float, draw: torch.Generator) -> Tensor:
    """Which modalities each sample shows, [N, M] bool: every modality is lacking in the share of
    them, and a sample lacks as few as can be, never all.

    share: at most (M - 1) / M. On a circle of the samples in random order the modalities begin to
    be lacking at equal distances, each for as many samples as the share says.
    """
    import torch

    count = min(round(share * samples), samples - ceil(samples / modalities))
    place = torch.randperm(samples, generator=draw)
    begins = torch.arange(modalities) * samples // modalities
    return (place[:, None] - begins) % samples >= count


def blanked(inputs: dict[str, Tensor], shown: Tensor) -> dict[str, Tensor]:
    """Inputs, modality -> [B, *shape], with zeros where `shown` [B, M] is False."""
    lacking = (~shown).unbind(dim=1)
    return {
        m: x.masked_fill(none.view(-1, *[1] * (x.ndim - 1)), 0)
        for (m, x), none in zip(inputs.items(), lacking, strict=True)
    }
