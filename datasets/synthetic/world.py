"""A world whose answers are known: classes, what each modality tells of them, and observations.

A hidden state h is one of H, all equally likely, and has a class. Modality m shows part k_m(h) of
it, as a latent u_m = s_m e_k + noise, Gaussian with unit variance in K_m dimensions: class means on
a simplex. The noise is independent between modalities, or correlated, which makes them redundant.
So the posterior of the class is a sum over states of exp(linear function of the latents), exactly.

An observation is an injective map of the latent and of noise that tells nothing: both are rotated,
bent by a monotone function and rotated again. A few dimensions of the noise are loud; the scale of
all else beside them is the modality's speed: a network learns directions of small variance late,
whatever they tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from bench.seeds import derive

WIDTH = 24  # dimensions of an observation
LOUD = 4  # of them, noise that has unit variance at any speed
GRID = 2.0**-12  # observations are rounded to it: last bits of a machine's arithmetic are lost
DRAWS, CHUNK = 2**18, 2**14  # latents for an expectation: its standard error is below 0.1 points


@dataclass(frozen=True)
class World:
    """classes: [H], the class of every state. parts: per modality [H], what of it is shown.
    strengths: how often the part can be told from one modality alone, as shares. speeds: the scale
    of all but the loud noise in what is observed. shared: the correlation of the latents' noise
    between modalities; all must show the same part then."""

    classes: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]
    strengths: tuple[float, ...]
    speeds: tuple[float, ...]
    shared: float = 0.0

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """K_m."""
        return tuple(max(part) + 1 for part in self.parts)

    @cached_property
    def distances(self) -> NDArray:
        """s_m, [M]."""
        pairs = zip(self.strengths, self.sizes, strict=True)
        return np.array([distance(strength, size) for strength, size in pairs])

    def latents(self, states: NDArray, draws: np.random.Generator) -> list[NDArray]:
        """Per modality [N, K_m], of states [N]."""
        common = draws.standard_normal((len(states), max(self.sizes)))
        shown = []
        for part, size, s in zip(self.parts, self.sizes, self.distances, strict=True):
            own = draws.standard_normal((len(states), size))
            u = np.sqrt(1 - self.shared) * own + np.sqrt(self.shared) * common[:, :size]
            u[np.arange(len(states)), np.array(part)[states]] += s
            shown.append(u)
        return shown

    def weights(self, shown: Sequence[int]) -> NDArray:
        """Of the latents' evidence, [len(shown)]: Sigma^-1 s."""
        covariance = self.shared + (1 - self.shared) * np.eye(len(shown))
        return np.linalg.solve(covariance, self.distances[list(shown)])

    def posterior(self, latents: Sequence[NDArray], shown: Sequence[int]) -> NDArray:
        """Of every class by the modalities `shown`, [N, C]. latents: as `latents` gives them."""
        from scipy.special import softmax  # a second, which who only describes data saves

        weighted = zip(self.weights(shown), shown, strict=True)
        evidence = sum(w * latents[m][:, self.parts[m]] for w, m in weighted)
        by_state = softmax(evidence, axis=1)
        return by_state @ np.eye(max(self.classes) + 1)[list(self.classes)]

    def best_accuracy(self, shown: Sequence[int]) -> float:
        """Of who knows everything, with the modalities `shown`. Where each of them shows the whole
        class they are one modality, as far from chance as s' Sigma^-1 s says."""
        if any(self.parts[m] != self.classes for m in shown):
            return self.drawn_accuracy(shown)
        s = np.sqrt(self.weights(shown) @ self.distances[list(shown)])
        return round(accuracy_alone(s, max(self.classes) + 1), 6)

    def drawn_accuracy(self, shown: Sequence[int]) -> float:
        """The mean of the largest posterior, over draws: the standard error is below 0.1 points."""
        draws = np.random.default_rng(derive(0, "best accuracy"))
        sums = 0.0
        for _ in range(DRAWS // CHUNK):
            states = draws.integers(len(self.classes), size=CHUNK)
            sums += self.posterior(self.latents(states, draws), shown).max(1).mean()
        return round(sums / (DRAWS // CHUNK), 6)

    def observe(self, latents: Sequence[NDArray], draws: np.random.Generator) -> list[NDArray]:
        """Per modality [N, WIDTH] float32."""
        seen = []
        for m, u in enumerate(latents):
            noise = draws.standard_normal((len(u), WIDTH - u.shape[1]))
            noise[:, LOUD:] *= self.speeds[m]
            inner, outer = rotations(m)
            bent = bend(np.hstack([self.speeds[m] * u, noise]) @ inner)
            seen.append((np.round(bent @ outer / GRID) * GRID).astype("<f4"))
        return seen


def bend(x: NDArray) -> NDArray:
    """Monotone, so that nothing is lost: its slope is between 1/2 and 3/2."""
    return x + np.sin(x) / 2


@cache
def rotations(modality: int) -> tuple[NDArray, NDArray]:
    """Of a modality, two orthogonal matrices [WIDTH, WIDTH]."""
    draws = np.random.default_rng(derive(0, "rotations", modality))
    inner, outer = (np.linalg.qr(draws.standard_normal((WIDTH, WIDTH)))[0] for _ in range(2))
    return inner, outer


def accuracy_alone(s: float, size: int) -> float:
    """How often the largest of `size` normal numbers is the one whose mean is s, not 0."""
    from scipy.integrate import quad
    from scipy.stats import norm

    integrand = lambda t: norm.pdf(t - s) * norm.cdf(t) ** (size - 1)  # noqa: E731
    return quad(integrand, s - 9, s + 9)[0]


@cache
def distance(strength: float, size: int) -> float:
    """The s whose `accuracy_alone` is `strength`; 0 for what is no better than chance."""
    if strength * size <= 1 + 1e-9:
        return 0.0
    from scipy.optimize import brentq

    return brentq(lambda s: accuracy_alone(s, size) - strength, 0, 20)
