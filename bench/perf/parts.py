"""Where the time of a training goes, part by part, told by wrappers around what trains."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import NamedTuple

import torch
from torch import nn

from bench.method import Stage
from bench.training.trainer import Trainer

# Of a training; `method` is what its step does beside the others, its loss too, and `trainer` what
# the trainer does beside all of them.
DATA, FORWARD, BACKWARD, OPTIMIZER = "data", "forward", "backward", "optimizer"
METHOD, BETWEEN, TRAINER = "method", "between epochs", "trainer"
TRAINING = (DATA, FORWARD, BACKWARD, OPTIMIZER, METHOD, BETWEEN, TRAINER)
SCORING, KEEPING = "scoring", "log, checkpoints"


class RunPart(NamedTuple):
    name: str
    stage: str = ""


@dataclass(slots=True)
class Account:
    """Of one part: seconds by the clock, and on processors."""

    part: RunPart
    wall: float = 0.0
    cpu: float = 0.0


class Ledger:
    """Seconds of parts, each moment counted for the innermost part under way.

    On a GPU, whose work comes after its call, it is waited for at every change of part.
    """

    def __init__(self, device: torch.device):
        self.cuda = device.type == "cuda"
        self.accounts: dict[RunPart, Account] = {}
        self.under_way = [Account(RunPart(""))]
        self.since = self.now()

    def now(self) -> tuple[float, float]:
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()

    def seconds(self, clock: str) -> dict[RunPart, float]:
        """By the clock ("wall"), or on processors ("cpu")."""
        return {part: getattr(account, clock) for part, account in self.accounts.items()}

    def account(self, part: RunPart) -> Account:
        if part not in self.accounts:
            self.accounts[part] = Account(part)
        return self.accounts[part]

    def enter(self, account: Account) -> None:
        self.turn()
        self.under_way.append(account)

    def enter_inside(self, outer: str, name: str) -> None:
        """Enters a part of `outer`; what is under way goes on where that is another."""
        around = self.under_way[-1]
        inside = around.part.name == outer
        self.enter(self.account(RunPart(name, around.part.stage)) if inside else around)

    def leave(self) -> None:
        self.turn()
        self.under_way.pop()

    def turn(self) -> None:
        """Books what has passed since the last change of part."""
        account, now = self.under_way[-1], self.now()
        account.wall += now[0] - self.since[0]
        account.cpu += now[1] - self.since[1]
        self.since = now

    def timed(self, part: RunPart, work: Callable) -> Callable:
        """`work`, whose time is the part's."""
        account = self.account(part)

        @wraps(work)
        def timed(*args, **kwargs):
            self.enter(account)
            try:
                return work(*args, **kwargs)
            finally:
                self.leave()

        return timed

    def timed_inside(self, outer: str, name: str, work: Callable) -> Callable:
        """`work`, whose time is the part's where `outer` does it."""

        @wraps(work)
        def timed(*args, **kwargs):
            self.enter_inside(outer, name)
            try:
                return work(*args, **kwargs)
            finally:
                self.leave()

        return timed


@contextmanager
def replaced(owner: object, name: str, change: Callable[[Callable], Callable]) -> Iterator[None]:
    """Inside, the attribute is what `change` makes of it."""
    before = getattr(owner, name)
    setattr(owner, name, change(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def gradients_timed(ledger: Ledger) -> Iterator[None]:
    """Inside, a step's backward passes are a part of their own."""
    with ExitStack() as stack:
        for name in ("backward", "grad"):
            stack.enter_context(
                replaced(
                    torch.autograd, name, lambda work: ledger.timed_inside(METHOD, BACKWARD, work)
                )
            )
        yield


def watch(trainer: Trainer, ledger: Ledger) -> Trainer:
    """The trainer, which tells the ledger what it does from now on."""
    trainer.plan = [watched(stage, ledger) for stage in trainer.plan]
    for module in outermost(trainer.method):
        module.register_forward_pre_hook(lambda *_: ledger.enter_inside(METHOD, FORWARD))
        module.register_forward_hook(lambda *_: ledger.leave())
    for optimizer in trainer.optimizers.values():
        for name in ("step", "zero_grad"):
            work = getattr(optimizer, name)
            setattr(optimizer, name, ledger.timed_inside(METHOD, OPTIMIZER, work))
    trainer.data.batches = iterated(trainer.data.batches, ledger)
    for name, part in {"train": TRAINER, "score": SCORING, "select": SCORING}.items():
        setattr(trainer, name, ledger.timed(RunPart(part), getattr(trainer, name)))
    for name in ("capture", "save", "log"):
        setattr(trainer, name, ledger.timed(RunPart(KEEPING), getattr(trainer, name)))
    plain = trainer.round
    trainer.round = lambda stage: ledger.timed(RunPart(TRAINER, stage.name), plain)(stage)
    return trainer


def watched(stage: Stage, ledger: Ledger) -> Stage:
    between = {
        name: ledger.timed(RunPart(BETWEEN, stage.name), getattr(stage, name))
        for name in ("begin", "start_epoch", "end")
    }
    return replace(stage, step=ledger.timed(RunPart(METHOD, stage.name), stage.step), **between)


def outermost(module: nn.Module) -> Iterator[nn.Module]:
    """What a method calls: its modules, and in place of containers what these hold."""
    for child in module.children():
        if isinstance(child, nn.ModuleDict | nn.ModuleList):
            yield from outermost(child)
        else:
            yield child


def iterated(batches: Callable, ledger: Ledger) -> Callable:
    """`batches`, of which the trainer's wait for each is a part of its own."""

    def timed(*args):
        left = iter(batches(*args))
        while True:
            ledger.enter_inside(TRAINER, DATA)
            try:
                batch = next(left, None)
            finally:
                ledger.leave()
            if batch is None:
                return
            yield batch

    return timed
