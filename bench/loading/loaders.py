"""What a method may read during training: the training split, and no other."""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from math import prod

import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import UserError
from bench.loading.faults import blanked
from bench.loading.sampling import shared_out, shuffled, stratified
from bench.loading.streams import stream
from bench.loading.transfer import sent
from bench.seeds import derive, generator, uniform
from bench.types import Batch, DatasetSpec, Encoded, Split

LOOK = 256  # samples in a batch of an ordered pass
LOOK_VIEWED = 64  # the same where a modality has a view, whose inputs are large
LOOK_NUMBERS = 2**23  # the same in numbers, which samples without views may be too long for
AHEAD = 2  # batches that are made while one is worked on


class Source:
    """A split's samples as batches on the device, standardised as the data set's spec says.

    train: in training form, with random crops and the like, which depend on the seed, the epoch
    and the sample alone; else in evaluation form.
    """

    def __init__(
        self,
        split: Split,
        spec: DatasetSpec,
        device: torch.device,
        train: bool = False,
        seed: int = 0,
    ):
        self.split, self.spec, self.device = split, spec, device
        self.train, self.seed = train, seed
        self.labels = split.labels.to(device)
        self.streams = {m: stream(m, info, split, device) for m, info in spec.modalities.items()}
        self.whole = self.everything(self.labels[:1]).to(device)
        self.features: dict[str, Tensor] = {}  # of all samples, where they are known, [N, D]
        self.size = 0  # of the batches that are given them
        self.held: int | None = None  # the epoch whose augmentation every epoch has

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def look(self) -> int:
        """Samples in a batch of an ordered pass."""
        infos = self.spec.modalities.values()
        if any(info.view is not None for info in infos):
            return LOOK_VIEWED
        return min(LOOK, max(1, LOOK_NUMBERS // sum(prod(info.shape) for info in infos)))

    def evaluation(self) -> "Source":
        """The same samples in evaluation form, without another copy of them."""
        source = self.knowing({}, 0)
        source.train = False
        return source

    def knowing(self, features: dict[str, Tensor], size: int) -> "Source":
        """The same samples, with their features [N, D] in place of inputs in batches of `size`."""
        source = copy.copy(self)
        source.features, source.size = features, size
        return source

    @property
    def draws(self) -> bool:
        """Whether inputs differ from one epoch to another."""
        return self.train and self.held is None and self.spec.draws

    def batch(self, index: Tensor, keep: Tensor | None, epoch: int = 0) -> Batch:
        """Samples `index` [B], showing modalities `keep` [B, M], by default all; of what a sample
        lacks, zeros."""
        return self.fetch(index, keep, epoch)()

    def fetch(self, index: Tensor, keep: Tensor | None, epoch: int = 0) -> Callable[[], Batch]:
        """Does the host's part of a batch, in any thread; what it returns does the device's."""
        known = self.features and len(index) == self.size
        inputs = partial(self.known, index, epoch) if known else self.read(index, epoch)
        shown = None if self.split.shown is None else self.split.shown[index.cpu()]

        def finish() -> Batch:
            place = sent(index, self.device)
            whole = self.whole.expand(len(place), -1) if keep is None else None
            kept = whole if keep is None else sent(keep, self.device)
            if shown is not None:
                kept = kept & sent(shown, self.device)
            return Batch(inputs(), self.labels.index_select(0, place), place, kept, whole)

        return finish

    def read(self, index: Tensor, epoch: int) -> Callable[[], dict[str, Tensor]]:
        """As `fetch`, for the inputs of samples `index` [B] alone."""
        host = index.cpu()
        draw = partial(self.draw, host, epoch if self.held is None else self.held)
        draw = draw if self.train else None
        inputs = {m: s.fetch(host, draw) for m, s in self.streams.items()}
        shown = None if self.split.shown is None else self.split.shown[host]

        def finish() -> dict[str, Tensor]:
            values = {m: ready() for m, ready in inputs.items()}
            return values if shown is None else blanked(values, sent(shown, self.device))

        return finish

    def known(self, index: Tensor, epoch: int) -> Encoded:
        """The inputs of samples `index` [B], whose features are known."""
        place = sent(index, self.device)
        features = {m: z.index_select(0, place) for m, z in self.features.items()}
        return Encoded(lambda: self.read(index, epoch)(), self.streams, features)

    def draw(self, index: Tensor, epoch: int, *names: str, count: int) -> NDArray:
        """Uniform numbers [B, count] in [0, 1) for samples `index` [B], by what they are for."""
        return uniform(derive(self.seed, "augment", *names), epoch, index.numpy(), count)

    def everything(self, index: Tensor) -> Tensor:
        """The `keep` that withholds nothing, [B, M]."""
        return torch.ones(len(index), len(self.spec.modalities), dtype=torch.bool)

    def batches(
        self, picks: Iterable[tuple[Tensor, Tensor | None]], epoch: int = 0
    ) -> Iterator[Batch]:
        """A batch for each (index, keep); a thread works ahead where the host has work to do."""
        jobs = (partial(self.fetch, index, keep, epoch) for index, keep in picks)
        busy = any(s.busy for s in self.streams.values())
        for finish in ahead(jobs) if busy else (job() for job in jobs):
            yield finish()


def ahead(jobs: Iterable[Callable[[], object]]) -> Iterator:
    """What the jobs return, in order, from a thread that is AHEAD jobs in front of the reader.

    A job's exception is raised where its result is read. A reader that stops early waits for the
    job under way, and for no other.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        waiting = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(job))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class OrderedLoader:
    """Samples `index` [K] once each, in order, without augmentation. It has a length in samples."""

    def __init__(self, source: Source, index: Tensor | None = None):
        self.source = source.evaluation()
        self.index = torch.arange(len(source)) if index is None else index

    def __len__(self) -> int:
        return len(self.index)

    def some(self, count: int, generator: torch.Generator) -> "OrderedLoader":
        """So many of the samples, drawn at random; all of them if there are no more."""
        return self.at(shuffled(len(self), generator)[:count])

    def of_each_class(self, share: float, generator: torch.Generator) -> "OrderedLoader":
        """ceil(share * K) of the samples, drawn at random: of every class its share, at least 1."""
        labels = self.source.split.labels[self.index]
        return self.at(stratified(labels, share, generator))

    def at(self, places: Tensor) -> "OrderedLoader":
        """The samples at places [K] of this loader, as often as their places stand there."""
        return OrderedLoader(self.source, self.index[places])

    def __iter__(self) -> Iterator[Batch]:
        parts = self.index.split(self.source.look)
        yield from self.source.batches((rows, None) for rows in parts)


class TrainData:
    """The training split: shuffled batches to train on, ordered ones to look at."""

    def __init__(self, split: Split, spec: DatasetSpec, batch_size: int, seed: int, device):
        self.source = Source(split, spec, device, train=True, seed=seed)
        self.batch_size, self.seed = batch_size, seed
        self.index = torch.arange(len(split))
        self.keep = self.source.everything(self.index)
        self.held = torch.empty(0, dtype=torch.long)
        self.sizes = torch.empty(0, dtype=torch.long)  # of batches that are composed
        self.passes = 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.sizes) or len(self.cut(self.index))

    def cut(self, index: Tensor) -> list[Tensor]:
        """Samples `index` [K] as batches, in order. A tail of one sample joins the batch before
        it: batch statistics and contrastive losses have no meaning on it."""
        whole, tail = divmod(len(index), self.batch_size)
        starts = [i * self.batch_size for i in range(1, whole + (tail > 1))]
        return list(index.tensor_split(starts)) if len(index) else []

    def __iter__(self) -> Iterator[Batch]:
        """The next pass."""
        self.passes += 1
        yield from self.batches(self.passes - 1)

    def batches(self, number: int, first: int = 0) -> Iterator[Batch]:
        """Pass `number`, from its batch `first` on. Its order and its augmentation depend on the
        seed and the number alone, so that no method's random draws can change what another sees;
        composed batches have the order in which they were given."""
        index, keep, cut = self.index, self.keep, self.cut
        if len(self.sizes):
            cut = partial(torch.split, split_size_or_sections=self.sizes.tolist())
        else:
            order = torch.randperm(len(index), generator=generator(self.seed, "order", number))
            index, keep = index[order], keep[order]
        kept = repeat(None) if keep.all() else cut(keep)[first:]
        yield from self.source.batches(zip(cut(index)[first:], kept, strict=False), number)

    def ordered(self) -> OrderedLoader:
        """What is trained on, each sample once, in order, without augmentation."""
        return OrderedLoader(self.source, self.index.unique())

    def hold_out(self, share: float) -> OrderedLoader:
        """A seeded share of the samples, of every class alike to within one sample, which nothing
        trains on from the first call on. Every call gives the same samples.

        Where the split keeps groups together, so does this: it is then a share of the groups, one
        at least, and groups count for the class that most of their samples have. Raises UserError
        where that leaves nothing to train on.
        """
        if len(self.held) == 0:
            split, draw = self.source.split, generator(self.seed, "held out")
            held = shared_out(split.labels, split.groups, share, draw)
            if held.all():
                raise UserError(
                    f"{self.source.spec.name} has all training samples in one group, which leaves "
                    "none to train on once some are held out; choose a method that holds out none."
                )
            self.held = held.nonzero()[:, 0]
            self.resample((~held).nonzero()[:, 0])
        return OrderedLoader(self.source, self.held)

    def resample(self, index: Tensor, keep: Tensor | None = None) -> None:
        """Train on samples `index` [K] from now on, showing modalities `keep` [K, M] of each."""
        self.index = index
        self.keep = self.source.everything(index) if keep is None else keep
        self.sizes = torch.empty(0, dtype=torch.long)

    def compose(self, batches: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Train on these batches, in this order, from now on: samples [B] and which modalities to
        show of each, [B, M]."""
        index, keep = zip(*batches, strict=True)
        self.resample(torch.cat(index), torch.cat(keep))
        self.sizes = torch.tensor([len(rows) for rows in index])

    def state_dict(self) -> dict[str, object]:
        return {k: getattr(self, k) for k in ("index", "keep", "held", "sizes", "passes")}

    def load_state_dict(self, state: dict[str, object]) -> None:
        for key, value in state.items():
            setattr(self, key, value)
