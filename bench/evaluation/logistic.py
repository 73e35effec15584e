"""Multinomial logistic regression with an L2 penalty, solved to its one optimum, in float64.

Newton's method with conjugate gradients along a path of strengths, each from the one before.
What is minimised is the mean loss of N samples plus |W|^2 / (2 C N), the bias free: scikit-learn's
LogisticRegression with C.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

TOLERANCE = 1e-6  # norm of the gradient at an optimum
STEPS = 200  # Newton steps to it; some 5 are usual
FORCING = 0.25  # relative accuracy of the first steps, which grows with the gradient's decline
INNER = 500  # conjugate gradients to a step
ROUNDING = 1e-15  # what the objective may rise by
# A whole Hessian pays off as preconditioner if K of its rows cost less than the products they save.
PAYS = 12  # rows of the Hessian that cost one product with it
WHOLE = 1000  # rows at most
HELD = 2**25  # numbers at most that building it holds at once


@dataclass(frozen=True)
class Fit:
    """classes: [K], those of training. weight: [D, K]. bias: [K]. gradient: its norm."""

    classes: NDArray
    weight: NDArray
    bias: NDArray
    gradient: float

    def accuracy(self, x: NDArray, labels: NDArray) -> float:
        answers = self.classes[(x @ self.weight + self.bias).argmax(axis=1)]
        return float(np.mean(answers == labels))


@dataclass(frozen=True)
class Iterate:
    """Weights [D + 1, K], the bias last, their objective, gradient and probabilities [N, K]."""

    weights: NDArray
    value: float
    gradient: NDArray
    probs: NDArray

    @property
    def size(self) -> float:
        return float(np.linalg.norm(self.gradient))


class Problem:
    """One strength's. rows: [N, D + 1], a column of ones last. hits: one-hot labels [N, K]."""

    def __init__(self, rows: NDArray, hits: NDArray, strength: float):
        self.rows, self.hits, self.samples = rows, hits, len(rows)
        self.single = rows.astype(np.float32)
        # Of two classes scikit-learn penalises the difference of their weights alone.
        share = 2 if hits.shape[1] == 2 else 1
        self.ridge = np.full((rows.shape[1], 1), share / (strength * len(rows)))
        self.ridge[-1] = 0
        self.moments = np.einsum("nd,nd->d", rows, rows)[:, None] / len(rows)
        self.products = 0

    def at(self, weights: NDArray) -> Iterate:
        self.products += 1
        logits = self.rows @ weights
        logits -= logits.max(axis=1, keepdims=True)
        probs = np.exp(logits)
        total = probs.sum(axis=1, keepdims=True)
        loss = (np.log(total).sum() - (logits * self.hits).sum()) / self.samples
        probs /= total
        gradient = self.rows.T @ (probs - self.hits) / self.samples + self.ridge * weights
        return Iterate(weights, float(loss + (self.ridge * weights**2).sum() / 2), gradient, probs)

    def curved(self, probs: NDArray, direction: NDArray) -> NDArray:
        """Product of the Hessian with a direction [D + 1, K], in single precision: it is to lead
        to the optimum, which is judged in double. probs: [N, K] float32."""
        self.products += 1
        change = self.single @ direction.astype(np.float32)
        change -= np.einsum("nk,nk->n", probs, change)[:, None]
        change *= probs
        return self.single.T @ change / self.samples + self.ridge * direction

    def solve(self, weights: NDArray, tolerance: float, whole: bool) -> Iterate:
        """From `weights`. whole: precondition by the Hessian of the start. Raises ArithmeticError
        where the optimum is not reached."""
        point = self.at(weights)
        fixed = self.by_hessian(point) if whole else None
        for _ in range(STEPS):
            if point.size <= tolerance:
                return point
            point = self.searched(point, self.step(point, fixed or self.by_scale(point)))
        raise ArithmeticError(f"no optimum after {STEPS} steps: the gradient is {point.size:.1e}")

    def step(self, point: Iterate, precondition: Callable[[NDArray], NDArray]) -> NDArray:
        """Newton's, by preconditioned conjugate gradients."""
        step, rest = np.zeros_like(point.weights), -point.gradient
        towards = direction = precondition(rest)
        first = product = (rest * towards).sum()
        probs = point.probs.astype(np.float32)
        enough = min(FORCING, point.size**0.5) ** 2 * first
        for _ in range(INNER):
            curved = self.curved(probs, direction)
            length = product / (direction * curved).sum()
            step, rest = step + length * direction, rest - length * curved
            towards, before = precondition(rest), product
            product = (rest * towards).sum()
            if product <= enough:
                break
            direction = towards + product / before * direction
        return step

    def searched(self, point: Iterate, step: NDArray) -> Iterate:
        """Along the step, halved until the objective declines."""
        slope, length = (point.gradient * step).sum(), 1.0
        while True:
            there = self.at(point.weights + length * step)
            if there.value <= point.value + 1e-4 * length * slope + ROUNDING * abs(point.value):
                return there
            length /= 2

    def by_scale(self, point: Iterate) -> Callable[[NDArray], NDArray]:
        """As if all samples were equally uncertain; exact for the first step, in the rows' axes."""
        uncertainty = (point.probs * (1 - point.probs)).mean()
        scale = 1 / (uncertainty * self.moments + self.ridge)
        return lambda rest: scale * rest

    def by_hessian(self, point: Iterate) -> Callable[[NDArray], NDArray]:
        """The whole one, inverted; single precision is enough to build it."""
        width, classes = point.weights.shape
        rows, probs = self.rows.astype(np.float32), point.probs.astype(np.float32)
        spread = (rows[:, None] * probs[:, :, None]).reshape(self.samples, -1)  # [N, K (D + 1)]
        hessian = -(spread.T @ spread)  # [K (D + 1)] squared
        for k in range(classes):
            block = slice(k * width, (k + 1) * width)
            hessian[block, block] += spread[:, block].T @ rows
        hessian = hessian.astype(np.float64) / self.samples
        hessian[np.diag_indices_from(hessian)] += np.tile(self.ridge[:, 0], classes) + TOLERANCE
        factor = torch.linalg.cholesky(torch.from_numpy(hessian))  # numpy cannot solve with one
        inverse = torch.cholesky_inverse(factor).numpy()

        def precondition(rest: NDArray) -> NDArray:
            return (inverse @ rest.T.ravel()).reshape(classes, width).T

        return precondition


def path(
    x: NDArray, labels: NDArray, strengths: Sequence[float], tolerance: float = TOLERANCE
) -> Iterator[Fit]:
    """The optimum of each strength, in this order. x: [N, D] float64, of mean 0. labels: [N]."""
    classes, place = np.unique(labels, return_inverse=True)
    axes = principal(x)
    rows = np.hstack([x @ axes, np.ones((len(x), 1))])
    hits = np.eye(len(classes))[place]
    weights = np.zeros((rows.shape[1], len(classes)))
    size, whole = weights.size, False
    for strength in strengths:
        problem = Problem(rows, hits, strength)
        point = problem.solve(weights, tolerance, whole)
        whole |= problem.products * PAYS > size and size <= WHOLE and size * len(x) <= HELD
        weights = point.weights
        yield Fit(classes, axes @ weights[:-1], weights[-1], point.size)


def principal(x: NDArray) -> NDArray:
    """Axes [D, R] in which the columns of x are uncorrelated, without those that hold nothing."""
    moments, axes = np.linalg.eigh(x.T @ x / len(x))
    return axes[:, moments > 1e-12 * moments[-1]]
