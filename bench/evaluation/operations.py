"""What a network costs: parameters and floating-point operations, two for a multiply-add."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.backends import cudnn, mha, mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Counter(TorchDispatchMode):
    """Adds up the operations of all that is computed inside it, by torch's formulas."""

    def __init__(self):
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch loads its compiler, which takes over a second

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with self:
            out = func.decompose(*args, **kwargs)
        if out is NotImplemented:
            out = func(*args, **kwargs)
            if func._overloadpacket in flop_registry:
                formula = flop_registry[func._overloadpacket]
                self.total += formula(*args, **kwargs, out_val=out)
        return out


@contextmanager
def counted(module: nn.Module) -> Iterator[Counter]:
    """Counts what the body computes, backward passes included: `total` of the counter.

    Elementwise work, normalisation, pooling and optimizers are not counted. Kernels that the
    counter has no rule for give way to plain ones: fused attention, and recurrent layers' where
    `module` has any (turning them off slows convolutions, whose count is right either way).
    """
    recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.callback(mha.set_fastpath_enabled, mha.get_fastpath_enabled())
        mha.set_fastpath_enabled(False)
        for library in (mkldnn, cudnn) if recurrent else ():
            stack.callback(setattr, library, "enabled", library.enabled)
            library.enabled = False
        yield stack.enter_context(Counter())


def operations(module: nn.Module, work: Callable[[], object]) -> int:
    """Floating-point operations of calling `work`, which uses `module`."""
    with counted(module) as counter:
        work()
    return counter.total


def parameters(tensors: Iterable[Tensor]) -> int:
    """Numbers in the tensors; one that comes twice counts once."""
    return sum({id(t): t.numel() for t in tensors}.values())


def answering(module: nn.Module, answer: Callable[[], Tensor]) -> int | None:
    """Parameters that `answer`'s logits depend on: own heads that only report are not counted.

    None where the logits have no gradient, so that it cannot be told.
    """
    own = list(module.parameters())
    flags = [p.requires_grad for p in own]
    module.requires_grad_(True)
    try:
        with torch.enable_grad():
            logits = answer()
        if not logits.requires_grad:
            return None
        grads = torch.autograd.grad(logits.sum(), own, allow_unused=True)
    finally:
        for p, flag in zip(own, flags, strict=True):
            p.requires_grad_(flag)
    return parameters(p for p, g in zip(own, grads, strict=True) if g is not None)
