"""The table of methods, in the order of the tables; its rows stand in `rows/`, by subject."""

from bench.methods.rows import (
    baselines,
    controls,
    detached,
    forward,
    gradients,
    losses,
    samples,
    schedules,
)

SUBJECTS = (baselines, controls, gradients, forward, losses, schedules, samples, detached)
ENTRIES = tuple(row for subject in SUBJECTS for row in subject.ROWS)
