"""Places: where on this machine a run finds its data, and the device that it is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Places:
    cache: Path  # of prepared data
    roots: Mapping[str, Path] = field(default_factory=dict)  # data set -> its raw files
    device: str = "auto"  # cpu, cuda, or auto: a GPU if there is one

    def to_json(self) -> dict[str, object]:
        roots = {name: str(root) for name, root in self.roots.items()}
        return {"cache": str(self.cache), "roots": roots, "device": self.device}

    @classmethod
    def from_json(cls, plain: Mapping) -> "Places":
        roots = {name: Path(root) for name, root in plain["roots"].items()}
        return cls(Path(plain["cache"]), roots, plain["device"])
