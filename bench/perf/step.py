"""What a training step of each method costs beside one of a baseline, measured in turns.

Methods train on networks of their own from the same batches. In every round each takes a few steps,
in an order drawn anew, so that what else the machine does meets all of them alike; a ratio is of
two times of one round. Epochs are taken evenly from the plan: early steps may do what late ones do
not.
"""

import copy
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from bench.config.spec import TrainConfig
from bench.evaluation.operations import operations
from bench.loading.loaders import TrainData
from bench.method import Method, Stage
from bench.perf import plain
from bench.perf.counting import passes, peak_bytes
from bench.training.frozen import FrozenEncoders
from bench.training.optimizers import build_optimizers
from bench.training.timing import Laps, quartiles
from bench.training.trainer import set_modes
from bench.types import Batch, Clock

WARM_UP = 1  # first steps of a turn, which find the caches full of others' numbers


class Trainee:
    """A method that trains a few steps at a time, anywhere in its plan.

    data: what the method does to it, others that share it do not see.
    """

    def __init__(self, name: str, method: Method, data: TrainData, config: TrainConfig):
        self.name, self.method, self.data = name, method, copy.copy(data)
        self.plan = [s for s in method.stages(config.epochs) if s.epochs]
        self.config, self.optimizers = config, build_optimizers(self.plan, config)
        self.entered: Stage | None = None

    def enter(self, stage: Stage, share: float) -> Iterator[tuple[Batch, Clock]]:
        """The batches of the epoch at this share of a stage, after what the method does first."""
        if stage is not self.entered:
            stage.begin(self.data)
            self.frozen = FrozenEncoders(self.method, stage, self.data, self.config)
            self.entered = stage
        epoch = int(share * stage.epochs)
        self.data.passes = stage.first_epoch + epoch
        stage.start_epoch(self.data, Clock(epoch, stage.epochs, 0, len(self.data)))
        set_modes(self.method, stage)
        for i, batch in enumerate(self.data.batches(stage.first_epoch + epoch)):
            yield self.frozen.encoded(batch), Clock(epoch, stage.epochs, i, len(self.data))

    def optimizer(self, stage: Stage):
        return self.optimizers[stage.optimizer or stage.name]

    def seconds(self, stage: Stage, share: float, steps: int) -> tuple[float, float]:
        """The median step of a turn of at most so many, by the clock and of the processor."""
        laps, optimizer, cpu = Laps(self.method.device), self.optimizer(stage), []
        turn = zip(range(WARM_UP + steps), self.enter(stage, share), strict=False)
        for _, (batch, clock) in turn:
            laps.mark()
            since = time.process_time()
            stage.step(batch, optimizer, clock)
            cpu.append(time.process_time() - since)
            laps.mark()
        wall = laps.seconds()[1::2]
        return median(wall[WARM_UP:] or wall), median(cpu[WARM_UP:] or cpu)


def plain_loop(name: str, method: Method, data: TrainData, config: TrainConfig) -> Trainee:
    """A method of one stage that trains as joint training does without the suite."""
    one = Trainee(name, method, data, config)
    one.plan = [replace(stage, step=partial(plain.step, method)) for stage in one.plan]
    one.optimizers = dict.fromkeys(one.optimizers, plain.optimizer(method, config))
    return one


@dataclass
class Line:
    """Stages of one method whose steps make equally many passes.

    forward, backward: passes of a batch through all encoders, of every modality. bytes: of tensors
    at the peak of a step. operations: floating-point, of a step, a number for each stage. wall,
    cpu: seconds of a step by the clock, and of the process on processors, a number for each round.
    """

    trainee: Trainee
    stages: list[Stage]
    forward: float
    backward: float
    bytes: int
    operations: list[int] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        return sum(s.epochs for s in self.stages)

    @property
    def step_operations(self) -> float:
        """Mean over the stages, by their epochs."""
        pairs = zip(self.operations, self.stages, strict=True)
        return sum(count * stage.epochs for count, stage in pairs) / self.epochs


def lines(trainee: Trainee, modalities: int) -> list[Line]:
    """From a step in the middle of every stage. modalities: of the data set."""
    grouped: dict[tuple[float, float], Line] = {}
    for stage in trainee.plan:
        batch, clock = next(trainee.enter(stage, 0.5))
        step = partial(stage.step, batch, trainee.optimizer(stage), clock)
        step()  # gradients and the optimizer's state are there from now on
        once = modalities * len(batch.label)
        forward, backward = (count / once for count in passes(trainee.method, step))
        count = operations(trainee.method, step)
        peak = peak_bytes(trainee.method, trainee.optimizer(stage), step)
        key = round(forward, 1), round(backward, 1)
        line = grouped.setdefault(key, Line(trainee, [], forward, backward, 0))
        line.stages.append(stage)
        line.operations.append(count)
        line.bytes = max(line.bytes, peak)
    return list(grouped.values())


def measure(trainees: Sequence[Trainee], modalities: int, rounds: int, steps: int) -> list[Line]:
    """All lines, timed; the stages of a line take turns as well. The first trainee's come first."""
    rows = [line for trainee in trainees for line in lines(trainee, modalities)]
    order = random.Random(0)
    for r in range(rounds):
        for line in order.sample(rows, len(rows)):
            stage = line.stages[r % len(line.stages)]
            wall, cpu = line.trainee.seconds(stage, (r + 0.5) / rounds, steps)
            line.wall.append(wall)
            line.cpu.append(cpu)
    return rows


def summary(rows: Sequence[Line], clock: str, peak: Mapping[str, float]) -> list[dict[str, object]]:
    """Every line beside the first, in plain values.

    `plan_relative` is of a method: all steps of its plan, in plans of the first, by the clock
    "wall" or "cpu". What a method does between epochs is not in it. peak: floating-point operations
    per second that `peak_share` is a share of, by each clock.
    """
    base = rows[0]
    table = [{"method": line.trainee.name} | beside(line, base) for line in rows]
    for row, line in zip(table, rows, strict=True):
        seconds = median(getattr(line, clock))
        row["peak_share"] = line.step_operations / (seconds * peak[clock])
    for row in table:
        own = [other for other in table if other["method"] == row["method"]]
        steps = sum(other["epochs"] * other[f"{clock}_relative"]["median"] for other in own)
        row["plan_relative"] = steps / base.epochs
    return table


def beside(line: Line, base: Line) -> dict[str, object]:
    return {
        "stages": [s.name for s in line.stages],
        "epochs": line.epochs,
        "wall_ms": quartiles([1000 * s for s in line.wall]),
        "wall_relative": quartiles(ratios(line.wall, base.wall)),
        "cpu_ms": quartiles([1000 * s for s in line.cpu]),
        "cpu_relative": quartiles(ratios(line.cpu, base.cpu)),
        "forward": round(line.forward, 2),
        "backward": round(line.backward, 2),
        "gflop": line.step_operations / 1e9,
        "memory_mib": line.bytes / 2**20,
        "memory_relative": line.bytes / base.bytes,
    }


def ratios(times: Sequence[float], others: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(times, others, strict=True)]
