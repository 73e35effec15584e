"""Where a model is right, by how many of the models of single modalities are right on the sample:
what it takes over from one of them (routing), and what it does that none of them can (synergy)."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import NDArray

from bench.metrics import groups
from bench.report.quantities.quantity import Quantity


@dataclass(frozen=True)
class Grouped(Quantity):
    """of_right: of who is right on test, the model [N] and each modality's model alone [M, N], to a
    number in each of groups.GROUPS, which `place` picks from."""

    of_right: Callable[[NDArray, NDArray], NDArray] | None = None
    place: int = 0

    def among(self, right: NDArray, alone: NDArray) -> float:
        """NaN where it is undefined."""
        return float(self.of_right(right, alone)[self.place])


def by_group(name: str, title: str, better: int, of_right: Callable) -> dict[str, Grouped]:
    return {
        f"{name}_{group}_right": Grouped(
            f"{title}, {group} right alone", None, better, share=True, of_right=of_right, place=i
        )
        for i, group in enumerate(groups.GROUPS)
    }


GROUPED = by_group("accuracy", "accuracy", 1, groups.accuracies) | by_group(
    "share", "share of test", 0, lambda right, alone: groups.sizes(alone)
)
