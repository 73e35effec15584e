"""Joint training: one loss on the fused logits. The baseline that every method is read against."""

from bench.method import Method


class Joint(Method):
    cost = "none"
