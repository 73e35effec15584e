"""What convolutions reach on this machine, beside which a step's operations are seen."""

import time
from math import prod

import torch
from torch.nn.functional import conv2d

from bench.training.timing import Laps

# Channels, and height and width, of two of ResNet-18's 3 x 3 convolutions on 224 pixels; in both
# layouts, since which one is faster differs from one processor to the next.
SHAPES = ((64, 56), (256, 14))
LAYOUTS = (torch.contiguous_format, torch.channels_last)
BATCH = {"cpu": 8, "cuda": 256}
TIMES = 2  # that each is timed, after once that is not


def convolution_peak(device: torch.device, precision: str) -> dict[str, float]:
    """Floating-point operations per second of a convolution with its gradients, two for a
    multiply-add, the most of all tries: by the clock ("wall") and by processor time ("cpu"). With
    the threads that torch has now."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    batch, best = BATCH[device.type], {"wall": 0.0, "cpu": 0.0}
    for channels, side in SHAPES:
        operations = 3 * 2 * batch * 9 * (channels * side) ** 2  # forward, and two gradients
        for layout in LAYOUTS:
            shapes = (batch, channels, side, side), (channels, channels, 3, 3)
            x, w = (numbers(shape, dtype, device).to(memory_format=layout) for shape in shapes)
            for clock, seconds in fastest(x.requires_grad_(), w.requires_grad_()).items():
                best[clock] = max(best[clock], operations / seconds)
    return best


def numbers(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """From -1 to 1: chips that multiply one number again and again run faster than they can."""
    return torch.linspace(-1, 1, prod(shape), dtype=dtype, device=device).view(shape)


def fastest(x: torch.Tensor, w: torch.Tensor) -> dict[str, float]:
    """Seconds of a convolution with its gradients, the least by each clock."""
    laps, cpu = Laps(x.device), []
    for _ in range(1 + TIMES):
        since = time.process_time()
        y = conv2d(x, w, padding=1)
        torch.autograd.grad(y, (x, w), torch.ones_like(y))
        cpu.append(time.process_time() - since)
        laps.mark()
    return {"wall": min(laps.seconds()[1:]), "cpu": min(cpu[1:])}
