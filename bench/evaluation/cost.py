"""What a run cost: time, memory, parameters and floating-point operations."""

from dataclasses import dataclass

import torch

from bench.config.spec import TrainConfig
from bench.evaluation import operations
from bench.loading.loaders import OrderedLoader, TrainData
from bench.method import Method, Stage
from bench.passes import eval_mode
from bench.runs.result import Cost
from bench.training.frozen import FrozenEncoders
from bench.training.optimizers import build_optimizers
from bench.training.timing import Times
from bench.training.trainer import TrainingProgress, set_modes
from bench.types import Batch, Clock

PARTS = 3  # of a stage's epochs; the middle one of each part is looked at


@dataclass(frozen=True)
class Operations:
    """Floating-point operations of training, in all and in each stage.

    stages: name -> epochs, steps, step_flops, epoch_flops, once_flops; encoded_once where its steps
    start from stored features.
    """

    total: int
    stages: dict[str, dict[str, object]]


def cost(
    method: Method,
    progress: TrainingProgress,
    peak: dict[str, float | None],
    test: OrderedLoader,
    computed: Operations,
) -> Cost:
    """Of a trained method. peak: memory at the end of training, in MiB."""
    batch = two(test)
    with torch.no_grad(), eval_mode(method):
        # With the readouts, which are computed when they are looked at.
        forward = operations.operations(method, lambda: dict(method.predict(batch).unimodal))
    with eval_mode(method):
        used = operations.answering(method, lambda: method.predict(batch).logits)
    trained = [p for stage in method.stages(1) for p in stage.parameters()]
    stages = {name: Times(**times).summary() for name, times in progress.times.items()}
    for name, row in computed.stages.items():
        stages[name] = stages.get(name, {}) | row
    return Cost(
        seconds=progress.seconds,
        epochs=progress.done,
        steps=progress.steps,
        parameters=operations.parameters(method.parameters()),
        parameters_trained=operations.parameters(trained),
        parameters_inference=used,
        **peak,
        forward_flops=forward / len(batch.label),
        stages=stages,
        training_flops=computed.total,
    )


def two(loader: OrderedLoader) -> Batch:
    """The first two samples, or the only one."""
    return next(iter(OrderedLoader(loader.source, loader.index[:2])))


def training_operations(copy: Method, data: TrainData, config: TrainConfig) -> Operations:
    """From real steps of `copy`.

    copy: a second instance of the method with the trained weights, which this trains on. Of every
    stage that trains, three epochs are looked at, each the middle of a third: what their hook
    and one step compute. Their means stand for the stage; a hook that works in one other epoch
    alone is missed. What is done once, at a stage's begin and end, is counted apart.
    """
    plan = copy.stages(config.epochs)
    optimizers = build_optimizers(plan, config)
    state = {k: v.clone() for k, v in copy.state_dict().items()}
    total, stages = 0, {}
    for stage in plan:
        once = operations.operations(copy, lambda: stage.begin(data))  # noqa: B023
        frozen = FrozenEncoders(copy, stage, data, config)
        if stage.epochs:
            looks = []
            for epoch in sorted({stage.epochs * (2 * k + 1) // (2 * PARTS) for k in range(PARTS)}):
                copy.load_state_dict(state)
                looks.append(one_epoch(copy, frozen, stage, optimizers, epoch))
            hook, step = (sum(column) / len(looks) for column in zip(*looks, strict=True))
            whole = hook + step * len(data)
            total += whole * stage.epochs
            row = {"epochs": stage.epochs, "steps": len(data), "step_flops": step}
            stages[stage.name] = row | {"epoch_flops": whole}
            if frozen.once:
                once += encoding(frozen, stage)
                stages[stage.name] |= {"encoded_once": True}
        once += operations.operations(copy, lambda: stage.end(data))  # noqa: B023
        total += once
        if once:
            stages.setdefault(stage.name, {})["once_flops"] = once
    return Operations(total, stages)


def encoding(frozen: FrozenEncoders, stage: Stage) -> int:
    """Operations of encoding every sample once, and in each epoch what a batch that is not whole
    has."""
    data = frozen.data
    batch = next(iter(data))
    rest = sum(len(rows) for rows in data.cut(data.index) if len(rows) != data.batch_size)
    computed = operations.operations(frozen.method, lambda: frozen.features(batch))
    return computed // len(batch.label) * (len(data.source) + rest * stage.epochs)


def one_epoch(
    copy: Method, frozen: FrozenEncoders, stage: Stage, optimizers: dict, epoch: int
) -> tuple[int, int]:
    """Operations of the hook before an epoch, and of its first step."""
    data = frozen.data
    clock = Clock(epoch, stage.epochs, 0, len(data))
    data.passes = stage.first_epoch + epoch
    hook = operations.operations(copy, lambda: stage.start_epoch(data, clock))
    set_modes(copy, stage)
    batch = frozen.encoded(next(iter(data)))
    optimizer = optimizers[stage.optimizer or stage.name]
    return hook, operations.operations(copy, lambda: stage.step(batch, optimizer, clock))
