"""The data sets of runs to be trained: opened here, which packs them, or packed by a job."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import datasets
from bench.config.settings import build
from bench.config.spec import RunSpec
from bench.datasets.core.adapters.adapter import Adapter
from bench.errors import UserError
from bench.registry import load, lookup
from bench.runs.rundir import RunDir


@dataclass(frozen=True)
class Needed:
    """A data set as some runs have it, finished ones included."""

    name: str
    adapter: Adapter
    runs: list[RunDir]

    @property
    def pending(self) -> RunDir:
        """One of its runs that is not done."""
        return next(run for run in self.runs if not run.result.exists())

    def ready(self, cache: Path) -> bool:
        """Whether nothing has to be packed; an adapter that cannot tell packs nothing."""
        look = getattr(self.adapter, "ready", None)
        return look is None or look(cache)

    def open(self, cache: Path, note: Callable[[str], None]) -> None:
        """Packs it where need be. Raises UserError if its finished runs are on other data, which
        must not meet new ones in a table."""
        bundle = self.adapter.open(cache, note)
        for sentence in bundle.notes:
            note(f"{self.name}: {sentence}")
        for finished in (run for run in self.runs if run.result.exists()):
            found = finished.read_result()["data_hash"]
            if found != bundle.hash:
                raise UserError(
                    f"{finished.path} was trained on other data (hash {found[:12]}, now "
                    f"{bundle.hash[:12]}); use another --results, or remove those runs."
                )


def needed(
    specs: Sequence[RunSpec], runs: Sequence[RunDir], roots: Mapping[str, Path], retry: bool
) -> list[Needed]:
    """The data sets that something will be trained on. retry: failed runs count too."""
    groups = defaultdict(list)
    for spec, run in zip(specs, runs, strict=True):
        groups[spec.dataset, json.dumps(spec.data, sort_keys=True)].append(run)
    found = []
    for (name, data), group in groups.items():
        if all(run.result.exists() or (run.error.exists() and not retry) for run in group):
            continue
        adapter = load(lookup(datasets.ENTRIES, name, "data set").target)
        opened = adapter(build(adapter.Config, json.loads(data), name), roots.get(name))
        found.append(Needed(name, opened, group))
    return found
