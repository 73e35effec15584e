"""Statistics of seeds and data sets: pure functions of numbers, no torch.

`paired` and `verdicts` compare two methods over seeds, `skew` allows for skewed differences,
`resampling` adds the test samples, `aggregates`, `bayes` and `ranks` go over data sets. Scores are
arrays [seed, data set], or [method, seed, data set]; a higher one is better. What is drawn comes
from a named generator.
"""
