"""The data sets of runs to be trained: opened here, which packs them, or packed by a job."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config.spec import RunSpec
from bench.configure import open_adapter
from bench.datasets.core.adapters.adapter import Adapter
from bench.errors import UserError
from bench.runs.places import Places
from bench.runs.rundir import RunDir


@dataclass(frozen=True)
class Needed:
    """A data set as some runs have it, finished ones included."""

    name: str
    adapter: Adapter
    runs: list[RunDir]
    cache: Path

    @property
    def pending(self) -> RunDir:
        """One of its runs that is not done."""
        return next(run for run in self.runs if not run.result.exists())

    @property
    def ready(self) -> bool:
        """Whether nothing has to be packed; an adapter that cannot tell packs nothing."""
        look = getattr(self.adapter, "ready", None)
        return look is None or look(self.cache)

    def open(self, note: Callable[[str], None]) -> None:
        """Packs it where need be. Raises UserError if its finished runs are on other data, which
        must not meet new ones in a table."""
        bundle = self.adapter.open(self.cache, note)
        for sentence in bundle.notes:
            note(f"{self.name}: {sentence}")
        for finished in (run for run in self.runs if run.result.exists()):
            trained_on = finished.read_result().data_hash
            if trained_on != bundle.hash:
                raise UserError(
                    f"{finished.path} was trained on other data (hash {trained_on[:12]}, now "
                    f"{bundle.hash[:12]}); use another --results, or remove those runs."
                )


def needed(
    specs: Sequence[RunSpec], runs: Sequence[RunDir], places: Places, retry: bool
) -> list[Needed]:
    """The data sets that something will be trained on. retry: failed runs count too."""
    groups = defaultdict(list)
    for spec, run in zip(specs, runs, strict=True):
        groups[spec.dataset, json.dumps(spec.data, sort_keys=True)].append(run)
    required = []
    for (name, data), group in groups.items():
        if all(run.result.exists() or (run.error.exists() and not retry) for run in group):
            continue
        adapter = open_adapter(name, json.loads(data), places.roots.get(name))
        required.append(Needed(name, adapter, group, places.cache))
    return required
