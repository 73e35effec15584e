"""What a run's encoders are computed in, as far as the machine decides: precision and the layout of
their memory. Its result records what was chosen."""

import os

import torch

from bench.config.spec import AUTO, BF16, FP32, NATIVE, PORTABLE
from bench.errors import UserError
from bench.networks.task import CHANNELS_LAST, CONTIGUOUS, Task
from bench.runs import arithmetic
from bench.training.environment import processor

INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}  # as Linux calls them


def precision_of(asked: str, device: torch.device) -> str:
    """The precision of the encoders there: `auto` is bf16 where nothing speaks against it."""
    if asked != AUTO:
        return asked
    return FP32 if without_bf16(device) else BF16


def check_precision(asked: str, device: torch.device) -> None:
    """Raises UserError for bf16 where it would be slower than fp32."""
    needed = without_bf16(device) if asked == BF16 else None
    if needed:
        raise UserError(f"train.precision={BF16} needs {needed}, or leave it out.")


def without_bf16(device: torch.device) -> str | None:
    """What bf16 lacks on the device and what to do, in words; None where it has all. On a CPU
    without its instructions an operation takes 4 to 78 times as long as in fp32, measured."""
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return None
        name = torch.cuda.get_device_name(device)
        return f"a GPU that has it, and {name} would emulate it; take --set train.precision=auto"
    if not INSTRUCTIONS & set(arithmetic.cpu_facts().get("flags", "").split()):
        return (
            f"a GPU, or a processor with bf16 instructions ({' or '.join(sorted(INSTRUCTIONS))}), "
            f"and {processor()} has none; take --set train.precision=auto"
        )
    if arithmetic.of_process(device.type, os.environ) == PORTABLE:
        return (
            "bf16 instructions, which train.arithmetic=portable leaves out on a CPU; "
            "add --set train.arithmetic=native"
        )
    return None


def layout_of(device: torch.device) -> str:
    """How a ResNet-18 lays spectrograms out, see `ResNet18.lay_out`.

    Channels last is the slower one where torch computes with AVX2 for want of AVX-512. Under
    portable arithmetic, which is AVX2 everywhere, it stays, as the numbers are to be the same.
    """
    narrow = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"
    native = arithmetic.of_process(device.type, os.environ) == NATIVE
    return CONTIGUOUS if narrow and native else CHANNELS_LAST


def chosen(task: Task) -> dict[str, str]:
    """What was chosen for a run's encoders, as its result records it."""
    return {"precision": task.precision, "spectrogram_layout": task.layout}
