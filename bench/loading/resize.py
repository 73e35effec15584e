"""Crop and antialiased bilinear resize of uint8 pictures, as Pillow does it, in two forms.

`looped` is fast on a CPU, `banded` on a GPU; they differ by at most one level of 255.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from bench.loading.transfer import sent
from bench.types import Modality, Ragged

Box = tuple[int, int, int, int]  # top, left, height, width in pixels
CHUNK = 32  # samples whose whole frames are on a GPU as float at a time


@dataclass(frozen=True)
class Plan:
    """What is done to each sample of a batch."""

    frames: list[list[int]]  # [B, K], places of the frames that are taken
    box: NDArray  # [B, 4] int64: top, left, height, width in pixels
    flip: NDArray  # [B] bool


@dataclass(frozen=True)
class Group:
    """Samples of a batch whose pictures have one shape."""

    places: list[int]  # [G], in the batch
    pictures: Tensor  # [G, K, H, W, C] uint8


def looped(stored: Tensor | Ragged, rows: list[int], plan: Plan, info: Modality) -> Tensor:
    """The standardised input of samples `rows`, in the encoder's shape, a clip at a time.

    In memory the channels come last, as convolutions on a CPU want them.
    """
    view, channels = info.view, info.shape[0]
    height, width = view.size
    mean, std = (line(x, channels, width) for x in (info.mean, info.std))
    factor, offset = (1 / std).float(), (-mean / std).float()
    out = torch.empty(len(rows), view.frames, height, width * channels)
    places = zip(rows, plan.frames, plan.box.tolist(), plan.flip.tolist(), out, strict=True)
    for row, frames, box, flip, inputs in places:
        pictures = stored[row]
        for first, last, place in runs(frames):
            several = resized(pictures[first:last], box, view.size, flip, channels)
            if flip and view.signed:
                several[:, 0].bitwise_not_()  # 255 - v: zero is at 127.5
            x = inputs[place : place + last - first]
            lines = several.permute(0, 2, 3, 1).reshape(x.shape)
            x.copy_(lines)
            torch.addcmul(offset, x, factor, out=x)  # while it is in the processor's cache
    out = out.view(len(rows), view.frames, height, width, channels).permute(0, 4, 1, 2, 3)
    return shaped(out, info)


def runs(frames: list[int]) -> Iterator[tuple[int, int, int]]:
    """Stretches of `frames` that follow one another: first, one past the last, place in `frames`.

    What is resized in one call costs a fifth less than one by one.
    """
    begin = 0
    for end in range(1, len(frames) + 1):
        if end == len(frames) or frames[end] != frames[end - 1] + 1:
            yield frames[begin], frames[end - 1] + 1, begin
            begin = end


def line(constant: float | tuple[float, ...], channels: int, width: int) -> Tensor:
    """[width * channels] float64: a number for each value of a channels-last line of pixels."""
    return torch.as_tensor(constant, dtype=torch.float64).expand(channels).repeat(width)


def shaped(x: Tensor, info: Modality) -> Tensor:
    """[B, C, K, h, w] in the encoder's shape: a single picture has no axis of frames."""
    return x[:, :, 0] if len(info.shape) == 3 else x


def gather(stored: Tensor | Ragged, rows: list[int], plan: Plan, pin: bool) -> list[Group]:
    """Whole frames of samples `rows`, stacked where they have one shape, where the data are.

    pin: in memory that a GPU can copy from while the host goes on.
    """
    places = defaultdict(list)
    for i, row in enumerate(rows):
        places[tuple(stored[row].shape[1:])].append(i)
    return [
        Group(part, stacked(stored, [(rows[i], plan.frames[i]) for i in part], pin))
        for group in places.values()
        for part in (group[i : i + CHUNK] for i in range(0, len(group), CHUNK))
    ]


def stacked(stored: Tensor | Ragged, picks: list[tuple[int, list[int]]], pin: bool) -> Tensor:
    """[G, K, H, W, C] of `picks` [G], each a row and its K frames."""
    if isinstance(stored, Tensor) and stored.device.type != "cpu":
        rows, frames = zip(*picks, strict=True)
        at, of = (sent(torch.tensor(x), stored.device) for x in (rows, frames))
        return stored[at[:, None], of]  # one kernel
    like = stored[picks[0][0]]
    shape = (len(picks), len(picks[0][1]), *like.shape[1:])
    out = torch.empty(shape, dtype=like.dtype, device=like.device, pin_memory=pin)
    for pictures, (row, frames) in zip(out, picks, strict=True):
        for picture, frame in zip(pictures, frames, strict=True):
            picture.copy_(stored[row][frame])
    return out


def banded(groups: list[Group], plan: Plan, info: Modality, mean, std, device) -> Tensor:
    """As `looped`, from gathered frames, on the device.

    mean, std: a number, or a tensor [C, 1, 1, 1].
    """
    view, channels = info.view, info.shape[0]
    out = torch.empty(len(plan.flip), channels, view.frames, *view.size, device=device)
    for group in groups:
        box, flip = (sent(torch.from_numpy(x[group.places]), device) for x in (plan.box, plan.flip))
        pictures = sent(group.pictures, device)
        x = products(pictures, box, view.size, flip)  # [G, K, C, h, w]
        if view.signed:
            x[:, :, 0] = torch.where(flip[:, None, None, None], 255 - x[:, :, 0], x[:, :, 0])
        places = sent(torch.tensor(group.places), device)
        out[places] = x.transpose(1, 2).sub(mean).div_(std)  # grey becomes all channels
    return shaped(out, info)


def resized(
    pictures: Tensor, box: Box, size: tuple[int, int], flip: bool, channels: int = 1
) -> Tensor:
    """A crop of `pictures` [K, H, W, C] uint8 at `size`, perhaps mirrored -> [K, C, *size] uint8.

    channels: how many a grey picture gets. The result is channels-last. No float is made, and
    nothing outside of the box is read.
    """
    top, left, height, width = box
    # The first axis is kept: without it torch takes the crop for planar and is half as fast.
    crop = pictures[:, top : top + height, left : left + width]
    if crop.shape[3] < channels:
        # Three equal channels are resized faster than one, and spread faster before than after.
        crop = torch.cat([crop] * channels, dim=3)
    resized = interpolate(crop.permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    return resized.flip(3) if flip else resized


def products(pictures: Tensor, box: Tensor, size: tuple[int, int], flip: Tensor) -> Tensor:
    """Crops of `pictures` [B, K, H, W, C] uint8 at `size`, some mirrored -> [B, K, C, *size].

    box: [B, 4] int64, top, left, height, width in pixels. flip: [B] bool. The result is float, in
    whole levels. Two matrix products a frame, and one code for all boxes.
    """
    batch, frames, height, width, channels = pictures.shape
    rows = bands(box[:, 0], box[:, 2], height, size[0])  # [B, h, H]
    columns = bands(box[:, 1], box[:, 3], width, size[1])  # [B, w, W]
    columns = torch.where(flip[:, None, None], columns.flip(1), columns)
    planes = pictures.permute(0, 1, 4, 2, 3).flatten(1, 3).float()  # [B, K * C * H, W]
    wide = levels(planes @ columns.mT).view(batch, frames * channels, height, size[1])
    return levels(rows[:, None] @ wide).view(batch, frames, channels, *size)


def levels(x: Tensor) -> Tensor:
    """Whole levels from 0 to 255, halves up: Pillow rounds so after each of its two passes."""
    return x.add_(0.5).floor_().clamp_(0, 255)


def bands(start: Tensor, length: Tensor, stored: int, target: int) -> Tensor:
    """Weights [B, target, stored] that resize `length` [B] pixels from `start` [B] on to `target`.

    A row is a triangle around the pixel's centre, as wide as the shrinking asks for, cut off at
    the crop's edges, and sums to 1.
    """
    scale = (length.float() / target)[:, None, None]
    pixels = torch.arange(stored, device=start.device)
    inside = (pixels >= start[:, None]) & (pixels < (start + length)[:, None])  # [B, stored]
    middles = torch.arange(target, device=start.device)[:, None] + 0.5
    centre = start[:, None, None] + middles * scale  # [B, target, 1]
    distance = (pixels + 0.5 - centre).abs() / scale.clamp_min(1)
    weights = (1 - distance).clamp_min(0) * inside[:, None]
    return weights / weights.sum(dim=2, keepdim=True)
