"""Whether ready-made arrays and their labels are in one order.

The only public generator of AV-MNIST's arrays collects sounds in the order in which processes
finish, beside labels that keep theirs.
"""

from hashlib import blake2b
from pathlib import Path

import numpy as np

from bench.errors import UserError

DIGEST = 16  # bytes of a row's hash
LOOKED = 600  # rows of train whose nearest neighbours are looked for
DEVIATIONS = 5.0  # by which these must agree more often than by chance
# Of 600 arrays made of real recordings in order 97 % agree; with half of them misplaced, 35 %.
DOUBTFUL = 0.5
REMEDY = (
    "the sounds are not in the order of the labels, as happens when a pool of processes makes them "
    "and their results are kept in order of completion. Nothing can be learned from such arrays: "
    "make them anew in order, or take the data set avmnist with data.split=full"
)


class OrderCheck:
    """Sees all arrays, chunk by chunk, and then says whether labels fit them.

    labels: [N]. train: how many rows, the first, train. twins: [N] int32, the first row that holds
    the same array.
    """

    def __init__(self, labels: np.ndarray, train: int) -> None:
        self.labels, self.seen = labels, 0
        self.twins = np.arange(len(labels), dtype=np.int32)
        self.first: dict[bytes, int] = {}
        self.places = np.unique(np.linspace(0, train - 1, min(train, LOOKED)).astype(int))
        self.rows_looked_at: list[np.ndarray] = []

    def add(self, chunk: np.ndarray) -> None:
        """The next rows, [n, ...]."""
        for i, row in enumerate(chunk, start=self.seen):
            raw = blake2b(row.tobytes(), digest_size=DIGEST).digest()
            self.twins[i] = self.first.setdefault(raw, i)
        end = self.seen + len(chunk)
        places = self.places[(self.places >= self.seen) & (self.places < end)] - self.seen
        self.rows_looked_at += [x.astype(np.float32).reshape(-1) for x in chunk[places]]
        self.seen = end

    @property
    def repeated(self) -> np.ndarray:
        """Rows whose array an earlier row has."""
        return np.flatnonzero(self.twins != np.arange(len(self.twins)))

    def agreement(self) -> tuple[float, float]:
        """The share of the looked-at rows whose nearest neighbour has their label, and what chance
        would hardly give."""
        labels = self.labels[self.places]
        share = float((labels[nearest(np.stack(self.rows_looked_at))] == labels).mean())
        chance = float(np.square(np.bincount(labels) / len(labels)).sum())
        return share, chance + DEVIATIONS * (chance * (1 - chance) / len(labels)) ** 0.5

    def check(self, where: Path) -> None:
        """Raises UserError if equal arrays have different labels, or if neighbours do not agree."""
        rows = self.repeated
        other = rows[self.labels[rows] != self.labels[self.twins[rows]]]
        if len(other):
            i, j = int(self.twins[other[0]]), int(other[0])
            raise UserError(
                f"{where}: {len(other)} rows hold the same sound as another of a different label, "
                f"rows {i} and {j} for instance, labels {self.labels[i]} and {self.labels[j]}: "
                f"{REMEDY}."
            )
        share, needed = self.agreement()
        if share < needed:
            raise UserError(
                f"{where}: the nearest neighbours of {len(self.places)} sounds have their label in "
                f"{100 * share:.0f} %, no more than by chance: {REMEDY}."
            )

    def problems(self) -> list[str]:
        """What `check` lets pass and is odd all the same."""
        share, _ = self.agreement()
        if share >= DOUBTFUL:
            return []
        near = f"{100 * share:.0f} % of {len(self.places)}"
        return [
            f"only {near} sounds have the label of their nearest neighbour: some may be misplaced."
        ]

    def rows(self) -> list[list[str]]:
        """Rows of a card."""
        share, _ = self.agreement()
        repeats = f"{len(self.repeated)} repeated sounds, all with the label of the first"
        near = f"the label of {100 * share:.0f} % of {len(self.places)} sounds"
        return [["order check", repeats], ["nearest neighbour", near]]


def nearest(rows: np.ndarray) -> np.ndarray:
    """[K] the row that is most like each of `rows` [K, D], by cosine of their logarithms."""
    z = np.log1p(np.abs(rows) / (np.abs(rows).mean(axis=1, keepdims=True) + 1e-12))
    z -= z.mean(axis=1, keepdims=True)
    z /= np.linalg.norm(z, axis=1, keepdims=True) + 1e-12
    alike = z @ z.T
    np.fill_diagonal(alike, -np.inf)
    return alike.argmax(axis=1)
