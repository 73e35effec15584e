"""What one training step does: passes through encoders, and the bytes of tensors at its peak."""

import weakref
from collections.abc import Callable
from contextlib import ExitStack

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.method import Method


def passes(method: Method, work: Callable[[], object]) -> tuple[int, int]:
    """How many samples go forward through encoders while `work` is done, and how many gradients of
    features come back: a batch through all encoders of a method is B * M.

    Teachers and other second networks of an encoder's class count as encoders.
    """
    counts = [0, 0]

    def back(gradient: Tensor) -> None:
        counts[1] += len(gradient)

    def forth(module: nn.Module, inputs: tuple, features: Tensor) -> None:
        counts[0] += len(features)
        if features.requires_grad:
            features.register_hook(back)

    kinds = {type(encoder) for encoder in method.encoders.values()}
    with ExitStack() as stack:
        for module in method.modules():
            if type(module) in kinds:
                stack.callback(module.register_forward_hook(forth).remove)
        work()
    return counts[0], counts[1]


class Alive(TorchDispatchMode):
    """Bytes of the tensors alive: those that it is told of, and what operations make inside it.

    What kernels allocate and free themselves is not seen. `peak` is the most at any moment.
    """

    def __init__(self):
        super().__init__()
        self.bytes = self.peak = 0
        self.known: set[int] = set()

    def note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.bytes += size
            self.peak = max(self.peak, self.bytes)
            weakref.finalize(storage, self.forget, key, size).atexit = False

    def forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.bytes -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        inputs = {t.untyped_storage()._cdata for t in tensors((args, kwargs))}
        for t in tensors(out):
            if t.untyped_storage()._cdata not in inputs:  # else a view, or changed in place
                self.note(t)
        return out


def tensors(tree: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def peak_bytes(method: Method, optimizer: Optimizer, work: Callable[[], object]) -> int:
    """Bytes of tensors at the peak of `work`, a step of the method, its batch left out: weights,
    buffers, gradients and the optimizer's state, and what the step makes."""
    alive = Alive()
    weights = list(method.parameters())
    gradients = [p.grad for p in weights if p.grad is not None]
    for t in [*weights, *method.buffers(), *gradients, *tensors(list(optimizer.state.values()))]:
        alive.note(t)
    del gradients, t
    with alive:
        work()
    return alive.peak
