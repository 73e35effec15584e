"""What a user asks for, on the synthetic data set."""

from bench.config.experiment import Experiment
from tests.helpers.training import SYNTHETIC


def experiment(*methods, sets=(), seeds=(0,), **options):
    chosen = tuple((m, {}) if isinstance(m, str) else m for m in methods)
    return Experiment((SYNTHETIC,), chosen, seeds, **options).with_settings(sets)
