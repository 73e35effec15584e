"""A generated task whose best possible answers are known: docs/known-task.md."""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import combinations

import numpy as np

from bench.datasets.core.adapters.adapter import Adapter, Card, bundle, bundle_rows, tensors
from bench.datasets.core.cache.format import array_hash
from bench.datasets.synthetic.pictures import pictures, shape_of
from bench.datasets.synthetic.settings import SyntheticSettings, names, world_of
from bench.datasets.synthetic.world import WIDTH, World
from bench.seeds import derive
from bench.types import DatasetSpec, Modality, Truth

TEST = 5000  # samples; validation has half of training's


class Synthetic(Adapter):
    """Vectors or pictures, drawn from the settings wherever they are used."""

    name = "synthetic"
    title = "Synthetic, the best answers known"

    Config = SyntheticSettings

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        world_of(SyntheticSettings(**settings))
        return settings

    @cached_property
    def world(self) -> World:
        return world_of(self.config)

    def describe(self):
        modalities = {m: self.modality(i) for i, m in enumerate(names(len(self.world.parts)))}
        return DatasetSpec(self.name, max(self.world.classes) + 1, modalities)

    def modality(self, place: int) -> Modality:
        if self.config.render == "image":
            return Modality("image", (1, *shape_of(place)))
        return Modality("vector", (WIDTH,))

    def open(self, cache, progress=None):
        settings, world = self.config, self.world
        counts = {"train": settings.samples, "val": settings.samples // 2, "test": TEST}
        drawn = {part: draw(world, (part, settings.fold), n) for part, n in counts.items()}
        starts = dict(zip(counts, np.cumsum([0, *counts.values()]), strict=False))
        rows = {part: starts[part] + np.arange(n) for part, n in counts.items()}
        inputs = {
            m: np.concatenate([self.render(d.observed[i], i) for d in drawn.values()])
            for i, m in enumerate(self.describe().modalities)
        }
        ids = [f"{part}-{settings.fold}-{i}" for part, n in counts.items() for i in range(n)]
        labels = {part: d.labels for part, d in drawn.items()}
        found = array_hash(ids, np.concatenate(list(labels.values())), inputs)
        name = ", ".join(self.words())
        data = bundle(self.describe(), name, rows, tensors(inputs), labels, ids, found)
        return replace(data, truth=truth(world, self.describe(), drawn["test"]))

    def render(self, observed: np.ndarray, modality: int) -> np.ndarray:
        return pictures(observed, modality) if self.config.render == "image" else observed

    def words(self) -> list[str]:
        """The setting, and what else makes this world and draw; the name of the split."""
        settings = self.config
        changed = [
            f"{m} {key} {number}"
            for key in ("strength", "speed")
            for m, number in getattr(settings, key).items()
        ]
        changed += [settings.render] * (settings.render != SyntheticSettings.render)
        return [settings.setting, *changed] + [f"fold {settings.fold}"] * (settings.fold > 0)

    def check(self, cache):
        data = self.open(cache)
        best = [
            (f"best accuracy, {' + '.join(names)}", f"{100 * accuracy:.1f} %")
            for names, accuracy in data.truth.best.items()
        ]
        return Card(self.title, (*bundle_rows(data), *best))


@dataclass(frozen=True)
class Drawn:
    """labels: [N]. latents and observed: by modality, [N, K_m] and [N, WIDTH]."""

    labels: np.ndarray
    latents: list[np.ndarray]
    observed: list[np.ndarray]


def draw(world: World, key: tuple, count: int) -> Drawn:
    """Samples whose states are as often as each other, within one. key: another gives others."""
    draws = np.random.default_rng(derive(0, "synthetic", *key))
    states = draws.permutation(np.arange(count) % len(world.classes))
    latents = world.latents(states, draws)
    return Drawn(np.array(world.classes)[states], latents, world.observe(latents, draws))


def truth(world: World, spec: DatasetSpec, test: Drawn) -> Truth:
    every = list(enumerate(spec.modalities))
    sets = [s for size in range(1, len(every) + 1) for s in combinations(every, size)]
    best = {tuple(m for _, m in s): best_accuracy(world, tuple(i for i, _ in s)) for s in sets}
    return Truth(best, world.posterior(test.latents, range(len(every))))


@cache
def best_accuracy(world: World, shown: tuple[int, ...]) -> float:
    """A worker opens many folds of a world, and asks once."""
    return world.best_accuracy(shown)
