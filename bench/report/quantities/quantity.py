"""One quantity of a finished run: its words, what is better, and how it is found.

A value is a number, or numbers by modality, or None where the run does not have it: an older
result, a protocol without stored weights, a method without such heads. Shares stay shares.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.report.read.predictions import Predictions, predictions
from bench.report.read.results import Finished
from bench.runs.rundir import RunDir

Value = float | dict[str, float] | None


@dataclass(frozen=True)
class Quantity:
    """Found in one of four ways. of_run: from the run by a protocol. per_sample, of_confusion and
    of_answers: from stored answers on test, as the mean of [N], as a function of the confusion
    matrix [C, C], or otherwise; by the first two it can be resampled, also where a run states it.

    title: as inside a sentence. better: 1 if more is better, -1 if less is, 0 if neither.
    modalities: whether the value is by modality. unit: of the value, empty for a ratio. share:
    whether it is part of a whole, and shown in percent. stored: which answers.
    """

    title: str
    of_run: Callable[[Finished, str], Value] | None = None
    better: int = 1
    modalities: bool = False
    unit: str = ""
    share: bool = False
    of_answers: Callable[[Predictions], float] | None = None
    per_sample: Callable[[Predictions], NDArray] | None = None
    of_confusion: Callable[[NDArray], float] | None = None
    stored: Callable[[RunDir, str], Predictions | None] = predictions

    @property
    def heading(self) -> str:
        """What stands above its column; the modality's name comes before it."""
        return self.title if self.modalities else self.title[:1].upper() + self.title[1:]

    @property
    def resampled(self) -> bool:
        return self.per_sample is not None or self.of_confusion is not None

    def value(self, run: Finished, protocol: str) -> Value:
        """None too where it is undefined."""
        if self.of_run:
            return self.of_run(run, protocol)
        answers = self.stored(run.directory, protocol)
        return None if answers is None else defined(self.score(answers))

    def score(self, answers: Predictions) -> float:
        if self.per_sample:
            return float(self.per_sample(answers).mean())
        if self.of_confusion:
            return self.of_confusion(answers.confusion)
        return self.of_answers(answers)


def defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def of_network(pick: Callable[[Finished], Value]) -> Callable[[Finished, str], Value]:
    """What is read from the stored weights alone, and so exists for their protocol only."""

    def value(run: Finished, protocol: str) -> Value:
        number = pick(run) if protocol == run.evaluated.protocol else None
        return None if number in (None, {}) else number

    return value
