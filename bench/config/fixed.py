"""Whether `train.frozen_inputs` can act: bench.training.frozen does what it says."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bench.config.settings import Settings
from bench.config.spec import DRAWN, FIXED, RunSpec, TrainConfig
from bench.errors import UserError
from bench.types import DatasetSpec


def acting(train: TrainConfig, config: Settings, data: DatasetSpec) -> TrainConfig:
    """The recipe of a method with this `config`; `frozen_inputs` is at its default where it can
    change nothing."""
    if config.freezes() and data.draws:
        return train
    return replace(train, frozen_inputs=DRAWN)


def check_acting_inputs(given: Mapping[str, object], specs: Iterable[RunSpec]) -> None:
    """Raises UserError if a user fixes inputs of frozen encoders and no run has any to fix."""
    if given.get("frozen_inputs") == FIXED and all(s.train.frozen_inputs == DRAWN for s in specs):
        raise UserError(
            "train.frozen_inputs=fixed would have no effect: it is for methods with a stage of "
            "frozen encoders, on data sets that draw crops, shifts or windows; leave it out."
        )
