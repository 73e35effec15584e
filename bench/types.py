"""The types that every part of the suite shares.

Shapes: B samples in a batch, N in a split, M modalities, C classes, D feature width of a modality.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class View:
    """How stored pictures, uint8 [T, H, W, C] of any size, become an input [C, frames, *size], or
    [C, *size] for a modality of kind `image`.

    In training a random crop is resized to `size` and flipped left to right half of the time; in
    evaluation the whole picture is resized. Without `zoom` a crop has `size` itself, or what there
    is of it, and evaluation takes the one in the middle. Of T stored frames `frames` are taken.
    Pictures stored with one channel are grey: every channel of the input is given it.
    """

    size: tuple[int, int]  # height and width in pixels
    frames: int = 1
    policy: str = "uniform"  # which frames: a name in bench.loading.frames.POLICIES
    area: tuple[float, float] = (0.08, 1.0)  # share of the picture that a training crop covers
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # width over height of a training crop
    zoom: bool = True  # False: pixels keep their scale; area and ratio play no part
    flip: bool = True
    signed: bool = False  # flow: a flip negates the first channel, the horizontal displacement
    crop: str = ""  # modalities of the same name share crop and flip; empty: a draw of its own

    @property
    def draws(self) -> bool:
        """Whether a sample's input differs from epoch to epoch of training."""
        return True


@dataclass(frozen=True)
class Shift:
    """How stored spectrograms [1, F, T], or [1, T, F], become an input.

    In training they vary, by shares of an axis; where these are 0 they stay as they are. With a
    window the input has so many of the stored times: from a random place in training, from the
    middle in evaluation.
    """

    roll: float = 0.0  # furthest circular shift in time, either way
    time: float = 0.0  # widest band of time that is masked
    frequency: float = 0.0  # widest band of frequencies that is masked
    window: int = 0  # times of the input; 0: all
    axis: int = 2  # of time, in a sample

    @property
    def varies(self) -> bool:
        """Whether training changes more than the window's place."""
        return bool(self.roll or self.time or self.frequency)

    @property
    def draws(self) -> bool:
        """Whether a sample's input differs from epoch to epoch of training."""
        return self.varies or bool(self.window)


@dataclass(frozen=True)
class Modality:
    """One input stream of a data set: `shape` is that of one sample, without the batch.

    What a data set stores may be of any number type; an encoder is given
    `(x.float() - mean) / std`, where mean and std are one number or one for each channel, or
    column of a sequence. Rows of a sequence that are all zero are padding and stay zero. Tokens
    are given as whole numbers; 0 is padding.
    """

    kind: str
    shape: tuple[int, ...]
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    view: View | Shift | None = None  # without a View, what is stored has the encoder's shape
    vocabulary: int = 0  # of tokens: every id is below it


@dataclass(frozen=True)
class Ragged:
    """Arrays of different shapes, one after another in one flat array, which may be mapped."""

    flat: Tensor  # [numbers of all samples]
    starts: Tensor  # [N] int64, where in `flat` a sample begins
    shapes: Tensor  # [N, dimensions] int64

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: int) -> Tensor:
        """One sample's array, without a copy."""
        start, shape = int(self.starts[row]), self.shapes[row].tolist()
        return self.flat[start : start + math.prod(shape)].view(shape)


@dataclass(frozen=True)
class DatasetSpec:
    """What a method may know of a data set before it sees a sample."""

    name: str
    classes: int
    modalities: dict[str, Modality]

    @property
    def draws(self) -> bool:
        """Whether a sample's inputs differ from epoch to epoch of training."""
        return any(info.view is not None and info.view.draws for info in self.modalities.values())


@dataclass(frozen=True)
class Split:
    """A part of a data set: a choice of rows of its arrays, which may be memory-mapped."""

    inputs: Mapping[str, Tensor | Ragged]  # modality -> [rows of the whole data set, *shape]
    rows: Tensor  # [N] int64, the place of each sample in `inputs`
    labels: Tensor  # [N] int64
    ids: tuple[str, ...]  # [N], the sample's name, which never depends on its place
    shown: Tensor | None = None  # [N, M] bool, modalities that a sample has; None: all have all
    groups: Tensor | None = None  # [N] int64, what the split never cuts; None: it cuts anywhere

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Truth:
    """What is known of data that were generated."""

    best: dict[tuple[str, ...], float]  # modalities -> the best accuracy that they allow, a share
    posterior: NDArray  # [N, C] of the test part, given all modalities


@dataclass(frozen=True)
class DataBundle:
    """A data set, opened: its parts by name ("train", "test", and "val" where there is one)."""

    spec: DatasetSpec
    parts: dict[str, Split]
    split: str  # the name of the split that the parts are of
    digests: dict[str, str]  # part -> digest of its ids
    hash: str  # of everything that is read: samples, labels and preprocessing
    notes: tuple[str, ...] = ()  # sentences for the user
    problems: tuple[str, ...] = ()  # those of them that tell of a fault
    overlaps: tuple[str, ...] = ()  # those of them that tell what two parts have in common
    truth: Truth | None = None


@dataclass(frozen=True)
class Batch:
    """What a step is given, on the device."""

    inputs: Mapping[str, Tensor]  # modality -> [B, *shape]
    label: Tensor  # [B] int64
    index: Tensor  # [B] int64, the sample's place in its split
    keep: Tensor  # [B, M] bool, False where a modality is withheld
    whole: Tensor | None = None  # this very `keep` where it is known to withhold nothing

    def only(self, *modalities: str) -> Batch:
        """This batch with the raw inputs of every modality but those named blanked to zero."""
        import torch

        return replace(
            self,
            inputs={
                m: x if m in modalities else torch.zeros_like(x) for m, x in self.inputs.items()
            },
        )

    def kept(self, modality: str) -> Tensor:
        """[B, 1] bool: the samples that show this modality."""
        place = list(self.inputs).index(modality)
        return self.keep[:, place : place + 1]

    def shown(self, features: Tensor, modality: str) -> Tensor:
        """This modality's features [B, D], zero for the samples that do not show it."""
        return features if self.keep is self.whole else features * self.kept(modality)


class Later(Mapping[str, "Tensor"]):
    """Tensors by name that are computed, all together, when they are first looked at."""

    def __init__(self, compute: Callable[[], Mapping[str, Tensor]]):
        self.compute = compute

    @cached_property
    def known(self) -> Mapping[str, Tensor]:
        return self.compute()

    def __getitem__(self, name: str) -> Tensor:
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


class Encoded(Later):
    """A batch's inputs whose features are known already: they are read when one is looked at.

    names: of the modalities, in the data set's order. features: what the method's encoders make of
    them, modality -> [B, D].
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, Tensor]],
        names: Iterable[str],
        features: Mapping[str, Tensor],
    ):
        super().__init__(read)
        self.names, self.features = tuple(names), features

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Prediction:
    """What a method says of a batch or of a whole split."""

    logits: Tensor  # [B, C], the method's answer
    unimodal: Mapping[str, Tensor]  # modality -> [B, C], empty where the method has none
    features: dict[str, Tensor]  # modality -> [B, D]


@dataclass(frozen=True)
class Clock:
    """Where training stands inside a stage. Counts start at 0."""

    epoch: int
    epochs: int
    step: int
    steps: int
