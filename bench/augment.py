"""Views: how what a data set stores becomes a batch's input, in training and in evaluation.

A plan says on the host what is done to every picture, and bench.resize does it; bench.shift does
what spectrograms need. `draw(*names, count=n)` gives uniform numbers [B, n], a row for each sample
of the batch; it is None in evaluation.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench import resize
from bench.frames import chosen
from bench.resize import Plan
from bench.shift import shifted, window_starts, windowed
from bench.types import Modality, Ragged, Split, View

Draw = Callable[..., NDArray]
Finish = Callable[[], Tensor]  # the device's part of making a batch's input

RESIDENT = 0.6  # share of a GPU's free memory that a modality's samples of a split may take
LONG = 2**16  # numbers in a sample from which on a copy of each is faster than one gather, measured
TRIES = 10  # boxes drawn before the central crop is taken, as torchvision's RandomResizedCrop
PLACE = slice(2 * TRIES, 2 * TRIES + 2)  # of a crop's draws: after areas and ratios, before a flip


def plan(view: View, name: str, shapes: Sequence[Sequence[int]], draw: Draw | None) -> Plan:
    """For stored pictures of `shapes` [B], each (T, H, W, C), of the modality called `name`."""
    picks = [None] * len(shapes) if draw is None else draw("frames", name, count=view.frames)
    frames = [chosen(view, s[0], pick) for s, pick in zip(shapes, picks, strict=True)]
    height, width = np.asarray([s[1:3] for s in shapes], dtype=np.int64).T
    if draw is None:
        nought = np.zeros_like(height)
        whole = np.stack([nought, nought, height, width], axis=1)
        box = whole if view.zoom else windows(view, height, width, np.array(0.5))
        return Plan(frames, box, nought > 0)
    names = ("shared crop", view.crop) if view.crop else ("crop", name)
    draws = draw(*names, count=2 * TRIES + 3)
    flip = (draws[:, 2 * TRIES + 2] < 0.5) & view.flip
    if view.zoom:
        return Plan(frames, boxes(view, height, width, draws), flip)
    return Plan(frames, windows(view, height, width, draws[:, PLACE].T), flip)


def boxes(view: View, height: NDArray, width: NDArray, draws: NDArray) -> NDArray:
    """[B, 4] int64, distributed as by torchvision's RandomResizedCrop.

    height, width: [B], of the pictures. draws: [B, 2 * TRIES + 2] or more.
    """
    low, high = view.area
    area = (height * width)[:, None] * (low + (high - low) * draws[:, :TRIES])
    low, high = np.log(view.ratio)
    ratio = np.exp(low + (high - low) * draws[:, TRIES : 2 * TRIES])
    wide, tall = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))  # [B, TRIES]
    fits = (wide > 0) & (wide <= width[:, None]) & (tall > 0) & (tall <= height[:, None])
    first = fits.argmax(axis=1)[:, None]
    wide, tall = (np.take_along_axis(x, first, axis=1)[:, 0] for x in (wide, tall))
    drawn = positioned(draws[:, PLACE].T, height, width, tall, wide)
    return np.where(fits.any(axis=1)[:, None], drawn, central(view, height, width))


def windows(view: View, height: NDArray, width: NDArray, place: NDArray) -> NDArray:
    """[B, 4] int64: boxes of `view.size`, or of what there is of it. place: see `positioned`."""
    tall, wide = np.minimum(height, view.size[0]), np.minimum(width, view.size[1])
    return positioned(place, height, width, tall, wide)


def positioned(
    place: NDArray, height: NDArray, width: NDArray, tall: NDArray, wide: NDArray
) -> NDArray:
    """[B, 4] int64: a box `tall` [B] and `wide` [B] in each picture. place: [2, B] or one for all,
    in [0, 1), from top to bottom and from left to right; at 0.5 it is in the middle."""
    top, left = np.floor(place * (np.stack([height - tall, width - wide]) + 1))
    return np.stack([top, left, tall, wide], axis=1).astype(np.int64)


def central(view: View, height: NDArray, width: NDArray) -> NDArray:
    """[B, 4] int64: the largest box in the middle whose shape `view.ratio` allows."""
    wide = np.minimum(width, np.rint(height * view.ratio[1]))
    tall = np.minimum(height, np.rint(width / view.ratio[0]))
    box = np.stack([(height - tall) // 2, (width - wide) // 2, tall, wide], axis=1)
    return box.astype(np.int64)


def stream(name: str, info: Modality, split: Split, device: torch.device) -> "Fixed | Pictures":
    """What makes the inputs of the modality called `name`."""
    stored, rows = placed(split.inputs[name], split.rows, device)
    if isinstance(info.view, View):
        return Pictures(name, info, stored, rows, device)
    if isinstance(stored, Ragged):
        raise ValueError(
            f"The samples of {name!r} differ in shape, which no encoder takes: give the modality "
            "a view in its data set."
        )
    return Fixed(name, info, stored, rows, device)


class Fixed:
    """A modality that is stored in the encoder's shape, or whose view is a Shift.

    busy: whether `fetch` has work enough for a thread of its own.
    """

    def __init__(self, name: str, info: Modality, stored: Tensor, rows: Tensor, device):
        self.name, self.info, self.device = name, info, device
        self.stored, self.rows = stored, rows
        self.dtype = torch.long if info.kind == "tokens" else torch.float32
        self.host = stored.device.type == "cpu"
        self.busy = self.host and (device.type != "cpu" or info.view is not None)
        self.varies = info.view is not None and info.view.varies
        dims = 1 if info.kind == "sequence" else len(info.shape)  # [time, channels] ends with them
        self.mean, self.std = (constant(x, dims, device) for x in (info.mean, info.std))

    def fetch(self, index: Tensor, draw: Draw | None) -> Finish:
        """The host's part of the input of samples `index` [B]; what it returns does the rest."""
        draws = draw("shift", self.name, count=5) if draw and self.varies else None
        rows, starts = self.rows[index], self.starts(len(index), draw)
        if self.device.type == "cpu":
            x = self.varied(self.floats(rows, starts), draws)
            return lambda: x
        if not self.host:
            return lambda: self.varied(self.standard(self.gathered(rows, starts)), draws)
        raw = self.gathered(rows, starts).pin_memory()
        return lambda: self.varied(self.standard(raw.to(self.device, non_blocking=True)), draws)

    def starts(self, batch: int, draw: Draw | None) -> Tensor | None:
        """[B] where the samples' windows of time begin; None where the view has none."""
        view = self.info.view
        if view is None or not view.window:
            return None
        draws = draw("window", self.name, count=1) if draw else None
        return window_starts(view, self.stored.shape[view.axis + 1], batch, draws)

    def gathered(self, rows: Tensor, starts: Tensor | None) -> Tensor:
        """Samples `rows`, or their windows, as and where they are stored."""
        x = self.stored[rows.to(self.stored.device)]
        return x if starts is None else windowed(x, self.info.view, starts)

    def floats(self, rows: Tensor, starts: Tensor | None) -> Tensor:
        """Samples `rows` on the host, standardised."""
        if self.stored.shape[1:].numel() < LONG:
            return self.standard(self.gathered(rows, starts))
        out = torch.empty(len(rows), *self.info.shape, dtype=self.dtype)
        for i, row in enumerate(rows.tolist()):
            x = self.stored[row]
            if starts is not None:
                x = x.narrow(self.info.view.axis, int(starts[i]), self.info.view.window)
            self.standard(out[i].copy_(x))  # while it is in the processor's cache
        return out

    def standard(self, x: Tensor) -> Tensor:
        """`x`, which is nobody else's, as float; in place where it is float."""
        x = x.to(self.dtype)
        if self.info.mean == 0 and self.info.std == 1:
            return x
        if self.info.kind != "sequence":
            return x.sub_(self.mean).div_(self.std)
        padding = (x == 0).all(dim=-1, keepdim=True)
        return x.sub_(self.mean).div_(self.std).masked_fill_(padding, 0.0)

    def varied(self, x: Tensor, draws: NDArray | None) -> Tensor:
        return x if draws is None else shifted(x, self.info.view, draws)


class Pictures:
    """A modality that a view makes of stored pictures."""

    def __init__(self, name: str, info: Modality, stored: Tensor | Ragged, rows: Tensor, device):
        self.name, self.info, self.device = name, info, device
        self.stored, self.rows = stored, rows
        self.busy = (stored.flat if isinstance(stored, Ragged) else stored).device.type == "cpu"
        self.banded = device.type != "cpu"  # the form that is faster there
        self.mean, self.std = (constant(x, 4, device) for x in (info.mean, info.std))

    def fetch(self, index: Tensor, draw: Draw | None) -> Finish:
        """The host's part of the input of samples `index` [B]; what it returns does the rest."""
        rows = self.rows[index].tolist()
        shapes = self.shapes(rows)
        planned = plan(self.info.view, self.name, shapes, draw)
        if not self.banded:
            x = resize.looped(self.stored, rows, planned, self.info)
            return lambda: x
        pin = self.busy and self.device.type != "cpu"
        groups = resize.gather(self.stored, rows, planned, pin)
        return lambda: resize.banded(groups, planned, self.info, self.mean, self.std, self.device)

    def shapes(self, rows: list[int]) -> list[Sequence[int]]:
        """(T, H, W, C) of each."""
        if isinstance(self.stored, Tensor):
            return [self.stored.shape[1:]] * len(rows)
        return self.stored.shapes[rows].tolist()


def constant(value: float | tuple[float, ...], dims: int, device) -> float | Tensor:
    """A number as it is; one for each channel as a tensor, the channels the first of `dims`."""
    if isinstance(value, tuple):
        return torch.tensor(value, device=device).view(-1, *[1] * (dims - 1))
    return value


def placed(
    stored: Tensor | Ragged, rows: Tensor, device: torch.device
) -> tuple[Tensor | Ragged, Tensor]:
    """What is stored, and the samples' rows in it: a GPU is given its own copy if that fits.

    A copy makes a batch one gather there. A host's arrays stay mapped.
    """
    if device.type == "cpu":
        return stored, rows
    free, _ = torch.cuda.mem_get_info(device)
    if size(stored, rows) > RESIDENT * free:
        return stored, rows
    return resident(stored, rows, device), torch.arange(len(rows))


def size(stored: Tensor | Ragged, rows: Tensor) -> int:
    """Bytes of samples `rows`."""
    if isinstance(stored, Tensor):
        return len(rows) * stored.shape[1:].numel() * stored.element_size()
    return int(stored.shapes[rows].prod(dim=1).sum()) * stored.flat.element_size()


def resident(stored: Tensor | Ragged, rows: Tensor, device: torch.device) -> Tensor | Ragged:
    """Samples `rows` on the device, copied one by one: the host never has a second copy.

    Ragged ones that happen to have one shape become a tensor.
    """
    if isinstance(stored, Tensor) or (stored.shapes[rows] == stored.shapes[rows[0]]).all():
        like = stored[int(rows[0])]
        whole = torch.empty((len(rows), *like.shape), dtype=like.dtype, device=device)
        for x, row in zip(whole, rows.tolist(), strict=True):
            x.copy_(stored[row])
        return whole
    shapes = stored.shapes[rows]
    ends = shapes.prod(dim=1).cumsum(dim=0)
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    flat = torch.empty(int(ends[-1]), dtype=stored.flat.dtype, device=device)
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        flat[start:end] = stored[row].flatten()
    return Ragged(flat, starts, shapes)
