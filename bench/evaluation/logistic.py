"""Multinomial logistic regression with an L2 penalty, solved to its one optimum, in float64.

Newton's method with conjugate gradients along a path of strengths, each from where the ones before
lead to. What is minimised is the mean loss of N samples plus |W|^2 / (2 C N), the bias free:
scikit-learn's LogisticRegression with C. Arrays are class by class, so that a row is what memory
and processor like best: long.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray

TOLERANCE = 1e-7  # norm of the gradient at an optimum
STEPS = 200  # Newton steps to it; some 6 are usual
FORCING = 0.25  # relative accuracy of the first steps, which grows with the gradient's decline
NEAR = 0.5  # part of the tolerance that a last step aims at
NOTHING = 1e-10  # a probability that the Hessian does not show
INNER = 500  # conjugate gradients to a step
ROUNDING = 1e-15  # what the objective may rise by
ORDER = 4  # optima at most that lead to the next one
# A whole Hessian as preconditioner pays off where as much has been spent on products without it.
ROWS = 16  # of the Hessian as preconditioner that are taken to cost a product
WHOLE = 2000  # rows at most
HELD = 2**25  # numbers at most that building it holds at once
LIFT = 1e-6  # of its diagonal, above what single precision is wrong by; raised where it is not


Precondition = Callable[[NDArray], NDArray]


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
    """Weights [K, D + 1], the bias last, their objective, gradient and probabilities [K, N]."""

    weights: NDArray
    value: float
    gradient: NDArray
    probs: NDArray

    @property
    def size(self) -> float:
        return float(np.linalg.norm(self.gradient))


class FittedSamples:
    """What all strengths share: samples [D + 1, N], the last row ones, and their classes [N].

    single: the samples in single precision. moments: mean squares of the rows, [1, D + 1].
    """

    def __init__(self, columns: NDArray, place: NDArray, classes: int):
        self.double = np.vstack([columns, np.ones((1, columns.shape[1]))])
        self.single = self.double.astype(np.float32)
        self.place, self.classes, self.count = place, classes, columns.shape[1]
        self.moments = np.einsum("dn,dn->d", self.double, self.double)[None] / self.count
        self.size = classes * len(self.double)  # rows of the Hessian


class Problem:
    """One strength's. whole: a preconditioner by a Hessian elsewhere on the path."""

    def __init__(self, rows: FittedSamples, strength: float, whole: Precondition | None):
        self.rows, self.whole = rows, whole
        # Of two classes scikit-learn penalises the difference of their weights alone.
        share = 2 if rows.classes == 2 else 1
        self.ridge = np.full((1, len(rows.double)), share / (strength * rows.count))
        self.ridge[0, -1] = 0
        self.products = 0

    def at(self, weights: NDArray) -> Iterate:
        rows, own = self.rows, (self.rows.place, np.arange(self.rows.count))
        logits = weights @ rows.double
        logits -= logits.max(axis=0)
        loss = -logits[own].sum()
        probs = np.exp(logits, out=logits)
        total = probs.sum(axis=0)
        loss += np.log(total).sum()
        probs /= total
        wrong = probs.copy()
        wrong[own] -= 1
        gradient = wrong @ rows.double.T / rows.count + self.ridge * weights
        value = float(loss / rows.count + (self.ridge * weights**2).sum() / 2)
        return Iterate(weights, value, gradient, probs)

    def curved(self, probs: NDArray, direction: NDArray) -> NDArray:
        """Product of the Hessian with a direction [K, D + 1], in single precision: it is to lead
        to the optimum, which is judged in double. probs: [K, N] float32."""
        self.products += 1
        change = direction.astype(np.float32) @ self.rows.single
        change -= (probs * change).sum(axis=0)
        change *= probs
        return change @ self.rows.single.T / self.rows.count + self.ridge * direction

    def start(self, optima: Sequence[NDArray]) -> Iterate:
        """Where the optima of the strengths before lead to: the first of their `extrapolated` that
        the next one does not improve on."""
        points = map(self.at, extrapolated(optima))
        best = next(points)
        for point in points:
            if point.value >= best.value:
                break
            best = point
        return best

    def solve(self, point: Iterate, tolerance: float) -> Iterate:
        """From `point`. Raises ArithmeticError where the optimum is not reached."""
        for _ in range(STEPS):
            if point.size <= tolerance:
                return point
            if self.pays():
                self.whole, self.products = self.by_hessian(point), 0
            precondition = self.whole or self.by_scale(point)
            point = self.searched(point, self.step(point, precondition, tolerance))
        raise ArithmeticError(f"no optimum after {STEPS} steps: the gradient is {point.size:.1e}")

    def pays(self) -> bool:
        """Whether products have cost about as much as a whole Hessian, since the last one."""
        size = self.rows.size
        long = self.products * ROWS > size
        return long and size <= WHOLE and size * self.rows.count <= HELD

    def step(self, point: Iterate, precondition: Precondition, tolerance: float) -> NDArray:
        """Newton's, by preconditioned conjugate gradients."""
        step, rest = np.zeros_like(point.weights), -point.gradient
        towards = direction = precondition(rest)
        first = product = (rest * towards).sum()
        probs = single(point.probs)
        accuracy = max(min(FORCING, point.size**0.3), NEAR * tolerance / point.size)
        for _ in range(INNER):
            curved = self.curved(probs, direction)
            length = product / (direction * curved).sum()
            step, rest = step + length * direction, rest - length * curved
            towards, before = precondition(rest), product
            product = (rest * towards).sum()
            if product <= accuracy**2 * first:
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

    def by_scale(self, point: Iterate) -> Precondition:
        """As if all samples were equally uncertain; exact for the first step, in the rows' axes."""
        uncertainty = (point.probs * (1 - point.probs)).mean()
        scale = 1 / (uncertainty * self.rows.moments + self.ridge)
        return lambda rest: scale * rest

    def by_hessian(self, point: Iterate) -> Precondition:
        """The whole one, factorised; single precision is enough."""
        probs, width = single(point.probs), len(self.rows.single)
        spread = (probs[:, None] * self.rows.single).reshape(self.rows.size, -1)  # [K (D + 1), N]
        hessian = -(spread @ spread.T)
        for k in range(self.rows.classes):
            block = slice(k * width, (k + 1) * width)
            hessian[block, block] += spread[block] @ self.rows.single.T
        hessian = hessian.astype(np.float64) / self.rows.count
        ridge = np.tile(self.ridge[0], self.rows.classes)
        diagonal, lift = np.diag_indices_from(hessian), LIFT
        hessian[diagonal] += ridge + lift
        while True:
            factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(hessian))
            if not failed:
                break
            hessian[diagonal] += 9 * lift
            lift *= 10
        inverse = torch.cholesky_inverse(factor.float()).numpy()  # numpy cannot solve with a factor
        return lambda rest: (inverse @ rest.ravel().astype(np.float32)).reshape(rest.shape)


def single(probs: NDArray) -> NDArray:
    """float32, zero where nothing depends on it: processors take many times as long to multiply
    numbers that are too small for their form."""
    return np.where(probs > NOTHING, probs, 0).astype(np.float32)


def extrapolated(optima: Sequence[NDArray]) -> Iterator[NDArray]:
    """The last optimum, and where polynomials through the last 2, 3 .. lead one step further."""
    for order in range(1, min(ORDER, len(optima)) + 1):
        yield sum((-1) ** j * comb(order, j + 1) * optima[-1 - j] for j in range(order))


def path(
    x: NDArray, labels: NDArray, strengths: Sequence[float], tolerance: float = TOLERANCE
) -> Iterator[Fit]:
    """The optimum of each strength, in this order; equal ratios are quickest. x: [N, D] float64, of
    mean 0. labels: [N]."""
    classes, place = np.unique(labels, return_inverse=True)
    axes = principal(x)
    rows = FittedSamples((x @ axes).T, place, len(classes))
    optima, whole = [np.zeros((len(classes), len(rows.double)))], None
    for strength in strengths:
        problem = Problem(rows, strength, whole)
        point = problem.solve(problem.start(optima), tolerance)
        optima, whole = [*optima, point.weights], problem.whole
        yield Fit(classes, axes @ point.weights[:, :-1].T, point.weights[:, -1], point.size)


def principal(x: NDArray) -> NDArray:
    """Axes [D, R] in which the columns of x are uncorrelated, without those that hold nothing."""
    moments, axes = np.linalg.eigh(x.T @ x / len(x))
    return axes[:, moments > 1e-12 * moments[-1]]
