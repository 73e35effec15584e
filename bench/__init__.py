"""A benchmark suite for balanced multimodal learning."""

__version__ = "0.1.0"
FORMAT = 1  # of spec.json, result.json and checkpoints; another number is refused
