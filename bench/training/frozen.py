"""What frozen encoders make of a sample stays the same: where its input does too, later epochs of
the stage start from its features.

Features are those of a batch of the same size, whose rows the libraries compute alike wherever they
stand; where they do not, every epoch encodes anew, so that training ends with the same bits.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor

from bench.config.spec import FIXED, TrainConfig
from bench.loading.loaders import OrderedLoader, TrainData
from bench.method import Method, Stage
from bench.passes import eval_mode
from bench.types import Batch, Encoded

LARGEST = 2**28  # numbers that are kept of a split, 1 GiB


class FrozenEncoders:
    """Of one stage, from its begin on. Nothing is kept where the stage's encoders learn."""

    def __init__(self, method: Method, stage: Stage, data: TrainData, config: TrainConfig):
        self.method, self.data = method, data
        self.source = data.source = data.source.knowing({}, 0)
        held = {part for module in stage.frozen for part in module.modules()}
        parts = {part for e in method.encoders.values() for part in e.modules()}
        self.rest = stage.epochs > 1 and method.independent_encoders and parts <= held
        if self.rest and config.frozen_inputs == FIXED:
            self.source.held = stage.first_epoch
        self.scored: dict[OrderedLoader, list[Batch]] = {}

    @cached_property
    def once(self) -> bool:
        """Whether training needs each sample's features once."""
        fitting = self.rest and not self.source.draws and self.fits(len(self.source))
        return fitting and len(self.source) >= self.data.batch_size and self.any_place()

    def fits(self, samples: int) -> bool:
        return samples * sum(e.dim for e in self.method.encoders.values()) <= LARGEST

    def any_place(self) -> bool:
        """Whether a sample's features are the same bits at another place of a batch."""
        rows = torch.arange(self.data.batch_size)
        there, back = (self.features(self.source.batch(r, None)) for r in (rows, rows.flip(0)))
        return all(bool((z == back[m].flip(0)).all()) for m, z in there.items())

    @torch.no_grad()
    def features(self, batch: Batch) -> dict[str, Tensor]:
        with eval_mode(self.method):
            encoders = {m: self.method.encoders[m] for m in self.method.modalities}
            return {m: self.method.through(e, batch.inputs[m]) for m, e in encoders.items()}

    def learn(self, stop: Callable[[], bool] = bool) -> None:
        """Gives the training data the features of all samples, where that is right. stop: asked
        after every batch; when true the data stay as they are, so that a step is made all the same:
        a run that is stopped again and again before this ends goes on."""
        if not self.once or self.data.source is not self.source:
            return
        size, samples = self.data.batch_size, len(self.source)
        rows = torch.arange(-(-samples // size) * size) % samples  # whole batches alone
        known: dict[str, Tensor] = {}
        for batch in self.source.batches((part, None) for part in rows.split(size)):
            for m, z in self.features(batch).items():
                known.setdefault(m, z.new_empty(samples, *z.shape[1:]))[batch.index] = z
            if stop():
                return
        self.data.source = self.source.knowing(known, size)

    def encoded(self, batch: Batch) -> Batch:
        """A training batch as a later epoch has it."""
        if not self.once or len(batch.label) != self.data.batch_size:
            return batch
        known = Encoded(lambda: batch.inputs, batch.inputs, self.features(batch))
        return replace(batch, inputs=known)

    def forget(self) -> None:
        """At the stage's end: the encoders may learn again."""
        self.data.source, self.rest, self.source.held = self.source, False, None
        self.scored.clear()

    def batches(self, loader: OrderedLoader) -> Iterable[Batch]:
        """Those of the loader, which are the same in every pass; encoded in the first."""
        if not self.rest or not self.fits(len(loader)):
            return loader
        return self.scored.get(loader) or self.first(loader)

    def first(self, loader: OrderedLoader) -> Iterator[Batch]:
        kept = []
        for batch in loader:
            read = partial(self.inputs, loader, batch.index)
            known = Encoded(read, batch.inputs, self.features(batch))
            kept.append(replace(batch, inputs=known))
            yield kept[-1]
        self.scored[loader] = kept

    def inputs(self, loader: OrderedLoader, index: Tensor) -> dict[str, Tensor]:
        return loader.source.read(index, 0)()
