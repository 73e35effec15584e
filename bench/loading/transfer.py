"""From the host to the device."""

import torch
from torch import Tensor


def sent(x: Tensor, device: torch.device) -> Tensor:
    """`x` on the device. The host does not wait for what the device has yet to do; what is not
    pinned is copied aside first, so that it may be changed or dropped at once."""
    return x.to(device, non_blocking=True)
