"""What result.json says of a trained network beyond its accuracy: everything but what metrics make
of stored predictions. A result from before there was such an entry has it empty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.runs.result import Result


@dataclass(frozen=True)
class Evaluated:
    """Of the network in weights.pt, which `protocol` selects. Accuracies are shares on test."""

    protocol: str
    readouts: dict[str, dict[str, float]]  # mask, slice, own_head, .. -> modality -> accuracy
    subsets: tuple[dict[str, object], ...]  # modalities, and the accuracy by each readout
    mismatched: float | None  # joined samples that have all of their labels on top
    levels: tuple[float, ...]  # of imperfection
    curves: dict[tuple[str, str], tuple[float, ...]]  # (kind, modality or "" for all) -> [K]
    cka: dict[tuple[str, str], float]  # pair -> likeness of features
    gap: dict[tuple[str, str], float]  # pair -> distance of the means, where widths are equal
    paired_distance: dict[tuple[str, str], float]
    feature_norm: dict[str, float]  # modality -> mean length of its features
    block_norm: dict[str, float]  # modality -> that of its weights in the fusion head
    gradient_cosine: dict[str, float]  # modality -> fused against its own loss
    chance: float | None  # accuracy of who knows nothing, where the data are generated
    best: dict[tuple[str, ...], float]  # modalities -> accuracy of who knows everything
    joined_probe: float | None  # linear probe of all features side by side
    cost: dict[str, float]  # numbers of the entry `cost`
    stages: dict[str, dict]  # stage -> step_ms, load_ms, epoch_seconds, epoch_flops, ..

    def worths(self, readout: str) -> tuple[tuple[str, ...], NDArray, NDArray] | None:
        """Modalities, the sets of them [S, M] bool, and their accuracies [S]; None without."""
        sets = [s for s in self.subsets if readout in s]
        if not sets:
            return None
        names = tuple(max((s["modalities"] for s in sets), key=len))
        present = np.array([[m in s["modalities"] for m in names] for s in sets])
        return names, present, np.array([s[readout] for s in sets], dtype=float)


def parse(result: Result) -> Evaluated:
    unimodal = dict(result.unimodal or {})
    robustness, norms = result.robustness or {}, result.norms or {}
    pairs = {tuple(one["pair"]): one for one in result.alignment or ()}
    likeness = [
        {pair: one[key] for pair, one in pairs.items() if one[key] is not None}
        for key in ("cka", "gap", "paired_distance")
    ]
    truth = result.truth or {"chance": None, "best": ()}
    joined = (result.probe or {}).get("concatenation") or {}
    return Evaluated(
        protocol=unimodal.pop("protocol", ""),
        readouts=unimodal,
        subsets=tuple(result.subsets or ()),
        mismatched=result.mismatched,
        levels=tuple(robustness.get("levels") or ()),
        curves={
            (one["kind"], one["modality"] or ""): tuple(one["accuracy"])
            for one in robustness.get("curves") or ()
        },
        cka=likeness[0],
        gap=likeness[1],
        paired_distance=likeness[2],
        chance=truth["chance"],
        best={tuple(one["modalities"]): one["accuracy"] for one in truth["best"]},
        feature_norm=dict(norms.get("features") or {}),
        block_norm=dict(norms.get("blocks") or {}),
        gradient_cosine=dict(result.gradient_cosine or {}),
        joined_probe=joined.get("test"),
        cost={k: v for k, v in vars(result.cost).items() if isinstance(v, int | float)},
        stages=dict(result.cost.stages or {}),
    )
