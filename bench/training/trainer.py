"""Trains one method by walking its plan. It knows methods only through `bench.method.Method`.

After every answered epoch validation is scored, out of the method's reach, and test too in the
stages that answer as the last one does. The protocols are readings of those: `val`, the best epoch
on validation (the first of equals), or the last where the recipe selects none; `last`; `test-best`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bench.config.spec import LAST, TEST_BEST, VAL, TrainConfig
from bench.loading.loaders import OrderedLoader, TrainData
from bench.method import Answer, Method, Stage, nothing
from bench.passes import collect
from bench.training.frozen import FrozenEncoders
from bench.training.optimizers import build_optimizers, learning_rate
from bench.training.reports import WATCHED, GradientNorms, mean_norms, report
from bench.training.timing import WARM_UP, Laps, Times
from bench.types import Batch, Clock


class Stopped(Exception):
    """Training was asked to stop; what was trained is saved, up to the last step."""


class TrainingFailed(Exception):
    """Training cannot go on; the message is one sentence that says why and where."""


@dataclass
class TrainingProgress:
    """Where a run stands: what a checkpoint holds besides weights. Plain values and tensors."""

    stage: int = 0
    epoch: int = 0
    done: int = 0  # epochs of the whole plan
    steps: int = 0
    seconds: float = 0.0  # of training and scoring, over all sittings
    times: dict[str, dict] = field(default_factory=dict)  # stage -> fields of its Times
    best: dict | None = None  # since the last stage that selects: accuracy, epoch, state
    selected: dict[str, int] = field(default_factory=dict)  # stage -> epoch it ended with
    kept: dict[str, dict] = field(default_factory=dict)  # protocol -> its epoch and predictions
    partial: dict | None = None  # of the epoch under way when it was stopped, see `begin_epoch`


@dataclass(frozen=True)
class Evaluation:
    """Splits that only the harness sees. `val` is None where a split family has none."""

    val: OrderedLoader | None
    test: OrderedLoader


class Trainer:
    """One run: `train` walks the plan and leaves in the method the weights that `val` selects.

    log: called with each epoch's row. save: called after every epoch, and when training stops, with
    all that `resume` needs. stop: asked after every step; when true, Stopped is raised. If it
    raises an exception of its own, nothing more is saved.
    """

    def __init__(
        self,
        method: Method,
        data: TrainData,
        evaluation: Evaluation,
        config: TrainConfig,
        log: Callable[[dict], None] = nothing,
        save: Callable[[dict], None] = nothing,
        stop: Callable[[], bool] = bool,
    ):
        self.method, self.data, self.evaluation, self.config = method, data, evaluation, config
        self.log, self.save, self.stop = log, save, stop
        self.plan = method.stages(config.epochs)
        self.optimizers = build_optimizers(self.plan, config)
        self.at = TrainingProgress()
        self.warm = dict.fromkeys((s.name for s in self.plan), 0)  # steps of this sitting

    def train(self, resume: dict | None = None) -> TrainingProgress:
        """Raises Stopped, or TrainingFailed for a loss or an answer that is not finite."""
        if resume is not None:
            self.restore(resume)
        for stage in self.plan[self.at.stage :]:
            self.let_go()
            if self.at.epoch == 0 and self.at.partial is None:
                stage.begin(self.data)
            self.frozen = FrozenEncoders(self.method, stage, self.data, self.config)
            while self.at.epoch < stage.rounds:
                self.round(stage)
            self.frozen.forget()
            stage.end(self.data)
            if stage.select or stage is self.plan[-1]:
                self.select(stage)
            self.at.stage, self.at.epoch = self.at.stage + 1, 0
        return self.at

    def let_go(self) -> None:
        """Drops the optimizers, with their state, that no stage from here on uses."""
        ahead = {s.optimizer or s.name for s in self.plan[self.at.stage :]}
        self.optimizers = {k: o for k, o in self.optimizers.items() if k in ahead}

    def round(self, stage: Stage) -> None:
        """One epoch: train, score, log, checkpoint."""
        self._since = time.perf_counter()
        row = {"stage": stage.name, "epoch": self.at.epoch}
        try:
            if stage.epochs:
                row |= self.train_epoch(stage)
            if stage.answer is not None:
                row |= self.score(stage)
        except Stopped:
            if self.at.partial is not None:
                self.at.partial["seconds"] += time.perf_counter() - self._since
                self.save(self.capture())
            raise
        seconds = time.perf_counter() - self._since
        if self.at.partial is not None:
            seconds += self.at.partial["seconds"]
            self.at.steps += self.at.partial["steps"]
        self.at.partial = None
        self.at.epoch, self.at.done = self.at.epoch + 1, self.at.done + 1
        self.at.seconds += seconds
        total = sum(s.rounds for s in self.plan)
        self.log(row | {"seconds": seconds, "done": self.at.done, "of": total, "time": time.time()})
        self.save(self.capture())

    def begin_epoch(self, stage: Stage) -> dict:
        """What is known of an epoch under way: steps that are done, its pass over the data, what
        the steps reported, names and [steps, names], and seconds, in all and of its steps."""
        self.data.passes = stage.first_epoch + self.at.epoch
        clock = Clock(self.at.epoch, stage.epochs, 0, len(self.data))
        stage.start_epoch(self.data, clock)
        self.data.passes += 1
        at = {"steps": 0, "pass": self.data.passes - 1, "names": [], "table": None}
        return at | {"seconds": 0.0, "training": 0.0, "timed": False}

    def train_epoch(self, stage: Stage) -> dict[str, object]:
        """All batches once. Returns the means of what the steps report, the learning rate, and the
        norms of the encoders' gradients."""
        epoch, optimizer = self.at.epoch, self.optimizers[stage.optimizer or stage.name]
        at = self.at.partial = self.at.partial or self.begin_epoch(stage)
        lr = learning_rate(self.config, stage.place(epoch), stage.schedule)
        if stage.factors:
            for group, factor in zip(optimizer.param_groups, stage.factors(), strict=True):
                group["factor"] = factor
        for group in optimizer.param_groups:
            group["lr"] = lr * group["factor"]
        set_modes(self.method, stage)
        steps, first, rows, stopped = len(self.data), at["steps"], [], False
        laps, started = Laps(self.method.device), time.perf_counter()
        if first < steps:
            self.frozen.learn(self.stop)
        with GradientNorms(self.method.encoders, optimizer) as norms:
            for i, batch in enumerate(self.data.batches(at["pass"], first), first):
                norms.on = i < WATCHED
                laps.mark()
                rows.append(stage.step(batch, optimizer, Clock(epoch, stage.epochs, i, steps)))
                laps.mark()
                if stopped := self.stop():
                    break
        report(at, rows, norms, time.perf_counter() - started)
        if stopped:
            raise Stopped
        if not at["timed"]:
            self.note(stage, laps, at["training"])
            at["timed"] = True
        return self.means(at, stage) | {"lr": lr} | mean_norms(at)

    def note(self, stage: Stage, laps: Laps, seconds: float) -> None:
        times = Times(**self.at.times.get(stage.name, {}))
        times.add(laps.seconds(), max(0, WARM_UP - self.warm[stage.name]), seconds)
        self.warm[stage.name] += len(laps.marks) // 2
        self.at.times[stage.name] = vars(times)

    def means(self, at: dict, stage: Stage) -> dict[str, float]:
        """Each metric's mean over the epoch's steps."""
        names, table = at["names"], at["table"]
        bad = (~table.isfinite()).nonzero()
        if len(bad):
            step, column = bad[0].tolist()
            raise TrainingFailed(
                f"{type(self.method).__name__}: {names[column]} is "
                f"{table[step, column].item()} at step {step} of epoch {self.at.epoch}, stage "
                f"{stage.name!r}; the last good checkpoint is kept. A lower train.lr may help."
            )
        return dict(zip(names, table.mean(dim=0).tolist(), strict=True))

    def score(self, stage: Stage) -> dict[str, object]:
        """Validation, and test where a protocol may read it; keeps what the protocols will want."""
        counts = stage.answer == self.plan[-1].answer
        final = stage is self.plan[-1] and self.at.epoch == stage.rounds - 1
        val = self.scored(stage.answer, self.evaluation.val)
        wanted = counts and (self.config.test_curve or final)
        test = self.scored(stage.answer, self.evaluation.test if wanted else None)
        row = {}
        if val is not None:
            row |= {"val_accuracy": val["accuracy"], "val_unimodal": val["unimodal_accuracy"]}
            kept = self.at.best
            if not kept or self.config.selection == LAST or val["accuracy"] > kept["accuracy"]:
                self.at.best = {
                    "accuracy": val["accuracy"],
                    "epoch": self.at.epoch,
                    "state": clone(self.method.state_dict()),
                }
                self.keep(VAL, stage, val, test, counts)
        if test is not None and self.config.test_curve:
            row["test_accuracy"] = test["accuracy"]
            best = self.at.kept.get(TEST_BEST)
            if best is None or test["accuracy"] > best["test"]["accuracy"]:
                self.keep(TEST_BEST, stage, val, test, counts)
        self.keep(LAST, stage, val, test, final)
        return row

    def keep(self, protocol: str, stage: Stage, val, test, wanted: bool) -> None:
        if wanted:
            place = {"stage": stage.name, "epoch": self.at.epoch}
            self.at.kept[protocol] = place | {"val": val, "test": test}

    def scored(self, answer: Answer, loader: OrderedLoader | None) -> dict[str, object] | None:
        return self.answers(answer, self.watched(self.frozen.batches(loader))) if loader else None

    def watched(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, until training is to stop."""
        for batch in batches:
            yield batch
            if self.stop():
                raise Stopped

    def answers(self, answer: Answer, loader: Iterable[Batch]) -> dict[str, object]:
        """Logits [N, C] of the answer and of each modality, on the host, with their accuracies."""
        out, labels = collect(self.method, answer, loader)
        if not out.logits.isfinite().all():
            raise TrainingFailed(
                f"{type(self.method).__name__}: its answers are not finite after epoch "
                f"{self.at.epoch}; the last good checkpoint is kept. A lower train.lr may help."
            )
        return {
            "logits": out.logits.float().cpu(),
            "unimodal": {m: u.float().cpu() for m, u in out.unimodal.items()},
            "accuracy": accuracy(out.logits, labels),
            "unimodal_accuracy": {m: accuracy(u, labels) for m, u in out.unimodal.items()},
        }

    def select(self, stage: Stage) -> None:
        """Puts back the weights of the epoch that is kept; without validation, the last one's."""
        epoch = stage.rounds - 1
        if self.at.best is not None:
            self.method.load_state_dict(self.at.best["state"])
            epoch = self.at.best["epoch"]
        if stage is not self.plan[-1]:
            self.at.selected[stage.name] = epoch
        elif VAL in self.at.kept and self.at.kept[VAL]["test"] is None:  # no test curve
            self.at.kept[VAL]["test"] = self.answers(stage.answer, self.evaluation.test)
        self.at.best = None

    def capture(self) -> dict:
        """All that `restore` needs, of types that load without executing anything."""
        return {
            "progress": dict(vars(self.at)),
            "method": self.method.state_dict(),
            "data": self.data.state_dict(),
            "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()},
            "generator": self.method.generator.get_state(),
            "global_generator": torch.get_rng_state(),
        }

    def restore(self, state: dict) -> None:
        self.method.load_state_dict(state["method"])
        self.data.load_state_dict(state["data"])
        self.at = TrainingProgress(**state["progress"])
        self.let_go()
        for key, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][key])
        self.method.generator.set_state(state["generator"])
        torch.set_rng_state(state["global_generator"])


def set_modes(method: nn.Module, stage: Stage) -> None:
    """Gradients for what the stage trains alone; train mode for all but its frozen modules.

    Freezing a module also stops its batch statistics, which gradients alone do not.
    """
    method.train()
    method.requires_grad_(False)
    for module in stage.frozen:
        module.eval()
    for p in stage.parameters():
        p.requires_grad_(True)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=1) == labels).float().mean().item()


def clone(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in state.items()}
