"""Stored spectrograms on their way to an input: windows of time, rolls, masked bands.

All take [B, 1, F, T], or [B, 1, T, F] where `Shift.axis` is 1. Draws are rows of `bench.seeds`.
"""

import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.loading.transfer import sent
from bench.types import Shift


def window_starts(shift: Shift, stored: int, batch: int, draws: NDArray | None) -> Tensor:
    """[B] int64: where each sample's window of the `stored` times begins.

    draws: [B, 1], all places alike; None: the middle.
    """
    places = stored - shift.window + 1
    if draws is None:
        return torch.full((batch,), (places - 1) // 2)
    return (torch.from_numpy(draws[:, 0]) * places).long()


def windowed(x: Tensor, shift: Shift, starts: Tensor) -> Tensor:
    """`shift.window` times of each sample from `starts` [B] on."""
    places = sent(starts, x.device)[:, None] + torch.arange(shift.window, device=x.device)
    shape = list(x.shape)
    shape[shift.axis + 1] = shift.window
    return x.gather(shift.axis + 1, along(places, shift).expand(shape))


def shifted(x: Tensor, shift: Shift, draws: NDArray) -> Tensor:
    """Spectrograms, standardised, rolled in time, with a band of each axis masked.

    draws: [B, 5]. What is masked becomes 0, the mean (Park et al., "SpecAugment", 2019).
    """
    count, bins = x.shape[shift.axis + 1], x.shape[4 - shift.axis]
    draws = sent(torch.from_numpy(draws), x.device)
    furthest = int(shift.roll * count)
    roll = (draws[:, 0] * (2 * furthest + 1)).long() - furthest  # [B]
    places = torch.arange(count, device=x.device) - roll[:, None]
    x = x.gather(shift.axis + 1, along(places % count, shift).expand_as(x))
    time = along(masked(count, shift.time, draws[:, 1:3]), shift)
    frequency = along(masked(bins, shift.frequency, draws[:, 3:5]), shift, across=True)
    return x.masked_fill_(time | frequency, 0.0)


def along(x: Tensor, shift: Shift, across: bool = False) -> Tensor:
    """[B, n] as [B, 1, 1, n] or [B, 1, n, 1]: along the axis of time, or across it."""
    return x[:, None, None] if (shift.axis == 2) != across else x[:, None, :, None]


def masked(count: int, share: float, draws: Tensor) -> Tensor:
    """[B, count] bool: a band of up to `share` of the places, its width and start uniform."""
    width = (draws[:, 0] * (int(share * count) + 1)).floor()
    start = (draws[:, 1] * (count - width + 1)).floor()
    places = torch.arange(count, device=draws.device)
    return (places >= start[:, None]) & (places < (start + width)[:, None])
