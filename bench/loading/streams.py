"""Views: how what a data set stores becomes a batch's input, in training and in evaluation.

A plan says on the host what is done to every picture, and loading.resize does it;
loading.spectrograms does what spectrograms need. `draw(*names, count=n)` gives uniform numbers
[B, n], a row for each sample of the batch; it is None in evaluation.
"""

from collections.abc import Callable, Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.loading import resize
from bench.loading.crops import Draw, plan
from bench.loading.spectrograms import shifted, window_starts, windowed
from bench.loading.transfer import sent
from bench.types import Modality, Ragged, Split, View

Finish = Callable[[], Tensor]  # the device's part of making a batch's input


RESIDENT = 0.6  # share of a GPU's free memory that a modality's samples of a split may take


SMALL = 2**22  # numbers of a split's samples up to which they are kept as the encoder takes them
LONG = 2**16  # numbers in a sample from which on a copy of each is faster than one gather, measured


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
        small = info.view is None and len(rows) * stored.shape[1:].numel() <= SMALL
        self.ready = self.standard(self.gathered(rows, None).to(device)) if small else None

    def fetch(self, index: Tensor, draw: Draw | None) -> Finish:
        """The host's part of the input of samples `index` [B]; what it returns does the rest."""
        if self.ready is not None:
            return lambda: self.ready.index_select(0, sent(index, self.device))
        draws = draw("shift", self.name, count=5) if draw and self.varies else None
        rows, starts = self.rows[index], self.starts(len(index), draw)
        if self.device.type == "cpu":
            x = self.varied(self.floats(rows, starts), draws)
            return lambda: x
        if not self.host:
            return lambda: self.varied(self.standard(self.gathered(rows, starts)), draws)
        raw = self.gathered(rows, starts).pin_memory()
        return lambda: self.varied(self.standard(sent(raw, self.device)), draws)

    def starts(self, batch: int, draw: Draw | None) -> Tensor | None:
        """[B] where the samples' windows of time begin; None where the view has none."""
        view = self.info.view
        if view is None or not view.window:
            return None
        draws = draw("window", self.name, count=1) if draw else None
        return window_starts(view, self.stored.shape[view.axis + 1], batch, draws)

    def gathered(self, rows: Tensor, starts: Tensor | None) -> Tensor:
        """Samples `rows`, or their windows, as and where they are stored."""
        x = self.stored[sent(rows, self.stored.device)]
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
