"""A device that computes nothing, for what only a GPU would show: tensors on `META` have shapes and
no numbers, so that reading one fails where a GPU would make the host wait."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

META = torch.device("meta")


class Waits(TorchDispatchMode):
    """Names of operations, inside `with`, that copy from the host to `META` so that the host waits
    until the device has done all before."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        onto = isinstance(out, Tensor) and out.device == META
        sent = onto and any(x.device != META and x.ndim for x in tensors)
        if sent and not (kwargs.get("non_blocking") or True in args[2:]):
            self.seen.append(str(func))
        return out
