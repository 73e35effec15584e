"""What several metrics need of logits: refusing NaN, choices and probabilities."""

import numpy as np
from numpy.typing import NDArray


def checked(values: NDArray, what: str = "logits") -> NDArray:
    """`values`, if they hold no NaN, which a comparison would turn into a number.

    Raises ValueError otherwise.
    """
    if np.isnan(values).any():
        raise ValueError(f"the {what} hold NaN: there is no answer to score")
    return values


def choices(logits: NDArray) -> NDArray:
    """The class with the highest logit, the lowest of equals, [N, C] -> [N]. Refuses NaN."""
    return checked(logits).argmax(axis=1)


def log_softmax(logits: NDArray) -> NDArray:
    """Logarithms of the probabilities, [N, C] -> [N, C] float64. Refuses NaN."""
    shifted = checked(logits).astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(logits: NDArray) -> NDArray:
    """Probabilities, [N, C] -> [N, C] float64. Refuses NaN."""
    return np.exp(log_softmax(logits))
