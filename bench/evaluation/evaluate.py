"""What a trained network is worth beyond its answers: probes, readouts with modalities withheld or
joined from different samples, robustness, likeness of features and conflict of gradients.

Everything is read from the network in weights.pt. Probes, fills and the units of noise come from
training and validation; test is only looked at.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from math import isnan

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.config.spec import LAST, VAL
from bench.evaluation import probe
from bench.evaluation.gradients import gradient_cosines
from bench.evaluation.masking import Reader, past_features, reading
from bench.evaluation.mismatched import Mismatched
from bench.evaluation.moments import Spread
from bench.evaluation.robustness import FEATURES, INPUTS, LEVELS, Curves
from bench.evaluation.subsets import Heads, SubsetAnswers
from bench.loading.loaders import OrderedLoader, Source
from bench.method import Method
from bench.metrics import balance
from bench.types import Batch, DataBundle


@dataclass(frozen=True)
class EncodedSplit:
    """A split as the network sees it: features, modality -> [N, D], and labels [N]."""

    features: dict[str, NDArray]
    labels: NDArray


@dataclass(frozen=True)
class EvaluatedRun:
    """entries: of bench.runs.result.Result. arrays: those of subsets.npz."""

    entries: dict[str, object]
    arrays: dict[str, NDArray]


def evaluate(
    method: Method, bundle: DataBundle, seed: int, device: torch.device, stored: Tensor
) -> EvaluatedRun:
    """stored: the logits [N, C] that the run keeps of this network on test.

    Raises TrainingFailed if the method does not answer from its features as it does from inputs.
    """
    loaders = {p: OrderedLoader(Source(s, bundle.spec, device)) for p, s in bundle.parts.items()}
    spread = Spread()
    with reading(method) as reader:
        looked = {"train": look(reader, loaders["train"], spread)}
        reader.learn_fills(first(loaders["test"]), means(spread))
        subsets, heads, pairs = SubsetAnswers(reader), Heads(reader), Mismatched(reader)
        curves = Curves(reader, seed, scales(method, spread))
        if "val" in loaders:
            looked["val"] = look(reader, loaders["val"])
        looked["test"] = look(reader, loaders["test"], subsets, heads, curves, pairs)
        mismatched = pairs.share(seed)
    check_answers(method, subsets.whole, stored)
    protocol = VAL if "val" in loaders else LAST
    labels = looked["test"].labels
    entries = {
        "probe": {"protocol": protocol, **probes(looked)},
        "unimodal": {"protocol": protocol, **subsets.alone(), **heads.accuracies()},
        "subsets": subsets.records(),
        "mismatched": mismatched,
        "robustness": {"levels": list(LEVELS), "curves": curves.records()},
        "alignment": alignment(looked["test"].features),
        "norms": norms(method, looked["test"].features),
        "gradient_cosine": gradient_cosines(method, loaders["train"].source, seed),
    }
    return EvaluatedRun(entries, subsets.arrays() | {"label": labels})


def first(loader: OrderedLoader) -> Batch:
    return next(iter(loader))


def look(reader: Reader, loader: Iterable[Batch], *watchers) -> EncodedSplit:
    """One pass, at which each watcher sees every batch, as loaded and as features."""
    features, labels = {}, []
    for batch in loader:
        encoded = reader.encoded(batch)
        out = reader.answer(encoded)
        for watcher in watchers:
            watcher.add(batch, encoded, out)
        for m, z in out.features.items():
            features.setdefault(m, []).append(z.cpu().numpy())
        labels.append(batch.label.cpu().numpy())
    return EncodedSplit({m: np.concatenate(z) for m, z in features.items()}, np.concatenate(labels))


def means(spread: Spread) -> dict[str, Tensor]:
    return {m: moments.mean[0] for m, moments in spread.features.items()}


def scales(method: Method, spread: Spread) -> dict[str, dict[str, Tensor]]:
    """Training deviations of what noise can be put on."""
    inputs = {m: x.std for m, x in spread.inputs.items() if m in method.modalities}
    if not method.independent_encoders:
        return {INPUTS: inputs}
    return {FEATURES: {m: z.std for m, z in spread.features.items()}, INPUTS: inputs}


def check_answers(method: Method, whole: Tensor, stored: Tensor) -> None:
    """Raises TrainingFailed unless answers from features are those from inputs."""
    if not torch.allclose(whole, stored, rtol=1e-3, atol=1e-3 * float(stored.abs().max())):
        raise past_features(method)


def probes(looked: dict[str, EncodedSplit]) -> dict[str, object]:
    """Linear probes of each modality's features, and of all of them side by side."""
    labels = {p: one.labels for p, one in looked.items()}
    names = list(looked["train"].features)
    fitted = {m: probe.fit(wide(looked, [m]), labels) for m in names}
    keys = ("test", "val", "strength")
    scores = {key: {m: asdict(one)[key] for m, one in fitted.items()} for key in keys}
    if len(fitted) > 1:
        scores["concatenation"] = asdict(probe.fit(wide(looked, names), labels))
    return scores


def wide(looked: dict[str, EncodedSplit], names: list[str]) -> dict[str, NDArray]:
    """The features of these modalities side by side in each part, float64."""
    return {
        p: np.hstack([one.features[m] for m in names]).astype(np.float64)
        for p, one in looked.items()
    }


def norms(method: Method, features: dict[str, NDArray]) -> dict[str, dict[str, float]]:
    """By modality: how long features are, and the weights (Frobenius) that the fusion head has for
    them, where it has such blocks."""
    blocks = method.head.blocks() if hasattr(method.head, "blocks") else {}
    return {
        "features": {m: balance.mean_length(z.astype(np.float64)) for m, z in features.items()},
        "blocks": {m: float(w.detach().double().norm()) for m, w in blocks.items()},
    }


def alignment(features: dict[str, NDArray]) -> list[dict[str, object]]:
    """How alike each pair's features are; the distances where both have one width, which does not
    yet mean that they share a space."""
    rows = []
    doubled = {m: z.astype(np.float64) for m, z in features.items()}
    for (m, a), (k, b) in combinations(doubled.items(), 2):
        cka, same = balance.linear_cka(a, b), a.shape == b.shape
        rows.append(
            {
                "pair": [m, k],
                "cka": None if isnan(cka) else cka,
                "gap": balance.modality_gap(a, b) if same else None,
                "paired_distance": balance.paired_distance(a, b) if same else None,
            }
        )
    return rows
