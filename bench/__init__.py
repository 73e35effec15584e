"""A benchmark suite for balanced multimodal learning."""

from bench.api import RunsFailed, results, run

__version__ = "0.1.0"
FORMAT = 1  # of spec.json, result.json and checkpoints; another number is refused
__all__ = ["FORMAT", "RunsFailed", "__version__", "results", "run"]
