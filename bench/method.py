"""The contract between the harness and a method: all that a method file imports from the suite."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from bench.config.settings import Settings, knob, share
from bench.config.spec import FP32
from bench.errors import UserError
from bench.loading.loaders import OrderedLoader, TrainData
from bench.networks.task import Task
from bench.passes import collect, eval_mode
from bench.seeds import generator
from bench.types import Batch, Clock, Encoded, Later, Prediction

__all__ = ["Batch", "Clock", "Method", "OwnHeads", "Prediction", "ReadAlone", "Settings", "Stage"]
__all__ += ["UserError", "collect", "descend", "each_alone", "eval_mode", "generator", "knob"]
__all__ += ["share"]

Metrics = dict[str, Tensor]  # scalars, detached; the harness averages them over the epoch
Step = Callable[[Batch, Optimizer, Clock], Metrics]
Answer = Callable[[Batch], Prediction]


def nothing(*_: object) -> None:
    """The hook that does nothing."""


@dataclass(frozen=True)
class Stage:
    """A stretch of epochs that trains one set of parameters with one step.

    name: unique in the plan; it labels the epochs in the log.
    epochs: 0 for a stage that trains nothing and is only scored, once.
    params: what the stage's optimizer updates; nothing else gets a gradient. Either parameters, or
        groups {"params": .., "factor": ..} whose learning rate is the schedule's times the factor.
    answer: how to predict while this stage runs; scored on validation after each epoch, and on test
        where it is the last stage's answer. None for a stage that only prepares a later one.
    select: restore at the end the weights that validation selects among the epochs scored since the
        last such stage. Where there is no validation split, the last epoch stays.
    begin, start_epoch, end: called before the first epoch, before each, and after the last.
    frozen: modules held in eval mode, so that batch statistics rest too.
    optimizer: stages that name the same optimizer continue its state; unnamed, each has its own.
    factors: asked before each epoch for the groups' factors, in place of those in `params`.
    first_epoch: where on the learning-rate schedule, and in the order of batches, the stage starts.
    schedule: epochs that schedule stretches over; 0: the planned ones. steady: it rests meanwhile.
    """

    name: str
    epochs: int
    params: Sequence[nn.Parameter] | Sequence[dict]
    step: Step
    answer: Answer | None = None
    select: bool = False
    begin: Callable[[TrainData], None] = nothing
    start_epoch: Callable[[TrainData, Clock], None] = nothing
    end: Callable[[TrainData], None] = nothing
    frozen: Iterable[nn.Module] = ()
    optimizer: str = ""
    factors: Callable[[], Sequence[float]] | None = None
    first_epoch: int = 0
    schedule: int = 0
    steady: bool = False

    @property
    def rounds(self) -> int:
        """How many times the stage is gone through: once for the scoring of one without epochs."""
        return self.epochs if self.epochs or self.answer is None else 1

    def place(self, epoch: int) -> int:  # on the learning-rate schedule
        return self.first_epoch + (0 if self.steady else epoch)

    def groups(self) -> list[dict]:
        """`params` as groups, {"params": list, "factor": number}."""
        plain = not (self.params and isinstance(self.params[0], dict))
        groups = [{"params": self.params}] if plain else self.params
        return [{"factor": 1.0} | group | {"params": list(group["params"])} for group in groups]

    def parameters(self) -> list[nn.Parameter]:
        """All that the stage's optimizer updates."""
        return [p for group in self.groups() for p in group["params"]]


def descend(loss: Tensor, optimizer: Optimizer) -> Metrics:
    """One plain update on `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()}


class Method(nn.Module):
    """A way to train a multimodal classifier.

    A subclass overrides the innermost of these that says what it does:

        loss                what is minimised
        adjust_gradients    what happens between backward and the optimizer's step
        step                the whole update on one batch
        stages              the whole training plan
        predict             how the trained parts answer

    What must outlive an interruption is a buffer, or goes through `get_extra_state`.
    """

    # What a step takes beside joint's one forward and one backward pass through every encoder, and
    # what else training takes, in words for `list methods`.
    cost: ClassVar[str] = ""
    separable: ClassVar[bool] = False  # needs a fusion whose logits split into shares
    min_modalities: ClassVar[int] = 1  # fewest modalities that it makes sense for
    has_own_heads: ClassVar[bool] = False  # `Prediction.unimodal` is what training makes right
    uses_fusion: ClassVar[bool] = True  # uses the fusion that the network settings name
    # Whether it can be trained on samples that lack modalities: training looks at inputs through
    # `encode` alone, or heeds `Batch.kept`, and does not choose by itself who is shown.
    takes_missing: ClassVar[bool] = True
    # Whether `predict` sees the inputs through `feature` alone, each modality by itself; then what
    # withholds modalities from a trained network starts from stored features.
    independent_encoders: ClassVar[bool] = True

    @dataclass(frozen=True)
    class Config(Settings):
        pass

    def __init__(self, task: Task, config: Config):
        super().__init__()
        self.task = task
        self.config = config
        self.modalities = task.modalities
        self.encoders = task.encoders()
        self.head = self.build_head()
        self._generator: torch.Generator | None = None

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dims(self) -> dict[str, int]:
        """Feature widths, modality -> D."""
        return {m: encoder.dim for m, encoder in self.encoders.items()}

    @property
    def generator(self) -> torch.Generator:
        """For the method's own random draws, on its device; the harness saves its state."""
        if self._generator is None:
            self._generator = generator(self.task.seed, "method", device=self.device)
        return self._generator

    def departures(self) -> list[str]:
        """What it does with these encoders that its paper does not, in words for a footnote."""
        return []

    def build_head(self) -> nn.Module:
        return self.task.fusion(self.dims)

    def feature(self, batch: Batch, modality: str) -> Tensor:
        """One modality's features [B, D]."""
        if isinstance(batch.inputs, Encoded):
            return batch.inputs.features[modality]
        return self.through(self.encoders[modality], batch.inputs[modality])

    def through(self, encoder: nn.Module, inputs: Tensor) -> Tensor:
        """An encoder's features [B, D], in the run's precision. Heads and losses stay in full
        precision: autocast is worth its error in encoders alone."""
        if self.task.precision == FP32:
            return encoder(inputs)
        with torch.autocast(self.device.type, torch.bfloat16):
            return encoder(inputs).float()

    def encode(self, batch: Batch) -> dict[str, Tensor]:
        """Features, modality -> [B, D]; zero where the batch withholds the modality."""
        return {m: batch.shown(self.feature(batch, m), m) for m in self.modalities}

    def shares(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each modality's share of the fused logits [B, C]; empty if the fusion has none.

        A prediction computes them when its `unimodal` is first read.
        """
        separable = hasattr(self.head, "contributions")
        return self.head.contributions(features) if separable else {}

    def logits_alone(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the head says of each modality with all other features zero, modality -> [B, C].

        A linear head's bias stays whole, unlike in `shares`; of a sum of heads each has its own.
        """
        if hasattr(self.head, "addends"):
            return self.shares(features)
        zeros = {m: torch.zeros_like(z) for m, z in features.items()}
        return {m: self.head(zeros | {m: z}) for m, z in features.items()}

    def forward(self, batch: Batch) -> Prediction:
        features = self.encode(batch)
        shares = Later(partial(self.shares, features))  # many a step needs none
        return Prediction(self.head(features), shares, features)

    def predict(self, batch: Batch) -> Prediction:
        """How the trained method answers: what is scored and stored."""
        return self(batch)

    def loss(self, out: Prediction, batch: Batch, clock: Clock) -> Tensor:
        """What is minimised, a scalar."""
        return cross_entropy(out.logits, batch.label)

    def adjust_gradients(self, out: Prediction, batch: Batch, clock: Clock) -> None:
        """Changes gradients between backward and the optimizer's step."""

    def step(self, batch: Batch, optimizer: Optimizer, clock: Clock) -> Metrics:
        """The whole update on one batch."""
        out = self(batch)
        loss = self.loss(out, batch, clock)
        optimizer.zero_grad()
        loss.backward()
        self.adjust_gradients(out, batch, clock)
        optimizer.step()
        return {"loss": loss.detach()}

    def start_epoch(self, data: TrainData, clock: Clock) -> None:
        """Called before each epoch."""

    def learned(self, loader: OrderedLoader) -> list[dict[str, object]]:
        """What the trained method can tell of itself, for the result and a figure of its own.

        Called once, when everything is trained and chosen. loader: the test split. Each item is a
        panel: "title", "unit", and either "values", name -> number, or "logged", the name of a
        metric that its steps report.
        """
        return []

    def stages(self, epochs: int) -> list[Stage]:
        """The training plan for so many planned epochs. The last stage answers."""
        return [
            Stage(
                "train",
                epochs,
                list(self.parameters()),
                self.step,
                answer=self.predict,
                start_epoch=self.start_epoch,
            )
        ]


class OwnHeads(Method):
    """A method whose modalities have heads of their own, on the features that the fusion gets."""

    has_own_heads = True

    def __init__(self, task, config):
        super().__init__(task, config)
        self.own = task.heads(self.dims)

    def forward(self, batch):
        out = super().forward(batch)
        return replace(out, unimodal={m: self.own[m](z) for m, z in out.features.items()})


def each_alone(
    method: Method, epochs: int, encoders: nn.ModuleDict, heads: nn.ModuleDict, name: str = "{}"
) -> list[Stage]:
    """A stage for every modality, in which its encoder and its head learn from their own loss alone
    and end with the weights that validation selects. name: of the stages, with {} for the
    modality. Each trains like the network of `unimodal` from the same start."""

    def answer(modality: str, batch: Batch) -> Prediction:
        z = batch.shown(method.through(encoders[modality], batch.inputs[modality]), modality)
        logits = heads[modality](z)
        own = {modality: logits} if encoders is method.encoders else {}  # a teacher's are not
        return Prediction(logits, own, {modality: z})

    def step(modality: str, batch: Batch, optimizer: Optimizer, clock: Clock) -> Metrics:
        return descend(cross_entropy(answer(modality, batch).logits, batch.label), optimizer)

    return [
        Stage(
            name.format(m),
            epochs,
            [*encoder.parameters(), *heads[m].parameters()],
            partial(step, m),
            answer=partial(answer, m),
            select=True,
        )
        for m, encoder in encoders.items()
    ]


class ReadAlone(Method):
    """A method that trains what its fusion head says of each modality alone."""

    has_own_heads = True

    def forward(self, batch):
        out = super().forward(batch)
        return replace(out, unimodal=self.logits_alone(out.features))
