"""result.json: what a finished run tells, written last. The fields are called as in the file; one
that a result of older code lacks is None."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bench import FORMAT
from bench.config.spec import check_format
from bench.errors import UserError


@dataclass(frozen=True)
class MethodTitle:
    """How tables name and order a method, so that they need no registry."""

    name: str
    title: str | None
    family: str | None
    order: int | None  # its place in the table of methods
    paper: str | None
    more_than_two: str | None  # see bench.registry.MethodEntry; `beyond_two` in the file

    def to_json(self) -> dict[str, object]:
        plain = asdict(self)
        return plain | {"beyond_two": plain.pop("more_than_two")}

    @classmethod
    def from_json(cls, plain: Mapping) -> "MethodTitle":
        optional = ("title", "family", "order", "paper", "beyond_two")
        return cls(plain["name"], *map(plain.get, optional))


@dataclass(frozen=True)
class SplitScores:
    """On one part of the data, as shares."""

    accuracy: float
    macro_f1: float | None
    unimodal: dict[str, float] | None  # modality -> accuracy of its logits

    @classmethod
    def from_json(cls, plain: Mapping | None) -> "SplitScores | None":
        if not plain:
            return None
        return cls(plain["accuracy"], plain.get("macro_f1"), plain.get("unimodal"))


@dataclass(frozen=True)
class Reading:
    """What a protocol reads off the training: an epoch, and its scores."""

    stage: str
    epoch: int
    val: SplitScores | None  # None without a validation split
    test: SplitScores | None

    @classmethod
    def from_json(cls, plain: Mapping) -> "Reading":
        parts = (SplitScores.from_json(plain.get(part)) for part in ("val", "test"))
        return cls(plain["stage"], plain["epoch"], *parts)


@dataclass(frozen=True)
class SplitUsed:
    name: str
    digests: dict[str, str]  # part -> digest of its ids
    counts: dict[str, int]  # part -> samples
    overlaps: list[str] | None  # what two parts have in common, in sentences


@dataclass(frozen=True)
class Cost:
    """Time, memory, parameters and floating-point operations of a run."""

    seconds: float | None
    epochs: int  # of the whole plan
    steps: int | None
    parameters: int | None
    parameters_trained: int | None
    parameters_inference: int | None  # that the answer depends on; None where it cannot be told
    peak_memory_mib: float | None  # on a CPU with the mapped files that were read
    reserved_memory_mib: float | None
    peak_anonymous_mib: float | None  # of the process, without mapped files
    forward_flops: float | None  # of a sample
    stages: dict[str, dict] | None  # stage -> step_ms, load_ms, epoch_seconds, epoch_flops, ..
    training_flops: float | None

    @classmethod
    def from_json(cls, plain: Mapping) -> "Cost":
        return cls(**{name: plain.get(name) for name in COST} | {"epochs": plain["epochs"]})


COST = tuple(f.name for f in fields(Cost))


@dataclass(frozen=True)
class Result:
    """Accuracies are shares."""

    spec: dict[str, object]  # as spec.json has it
    digest: str
    method: MethodTitle
    dataset: dict[str, str]  # name and title
    modalities: list[str]
    # Settings that are neither the data set's recipe nor the method's defaults.
    changed: dict[str, object] | None
    departures: list[str] | None  # what the method does on these data that its paper does not
    readout: str | None  # what `SplitScores.unimodal` is of: own_head or slice
    protocols: dict[str, Reading]
    selected: dict[str, int] | None  # stage -> epoch whose weights it ended with
    test_readings: int | None  # of which `test-best` is the best
    # Of the network in weights.pt, see bench.evaluation.evaluate.
    probe: dict[str, object] | None
    unimodal: dict[str, object] | None
    subsets: list[dict] | None
    mismatched: float | None
    robustness: dict[str, list] | None
    alignment: list[dict] | None
    norms: dict[str, dict[str, float]] | None  # features, blocks -> modality -> number
    gradient_cosine: dict[str, float] | None
    learned: list[dict] | None  # panels, see bench.method.Method.learned
    truth: dict[str, object] | None  # of generated data: chance, and the best accuracies
    split: SplitUsed
    data_hash: str
    cost: Cost
    environment: dict[str, object] | None
    code: dict[str, object]  # version, commit and digest of the sources
    finished: str | None  # when, UTC

    def to_json(self) -> dict[str, object]:
        return {"format": FORMAT, **asdict(self), "method": self.method.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping, where: str | Path) -> "Result":
        """The result that `to_json` wrote. where: it was read, for messages.

        Raises UserError if it is of another format version, or lacks what none may lack.
        """
        check_format(plain, where)
        try:
            parts = {name: plain.get(name) for name in RESULT}
            parts |= {key: plain[key] for key in ("spec", "digest", "dataset", "data_hash", "code")}
            readings = plain["protocols"].items()
            split = plain["split"]
            return cls(
                **parts
                | {
                    "method": MethodTitle.from_json(plain["method"]),
                    "modalities": plain["modalities"],
                    "protocols": {p: Reading.from_json(one) for p, one in readings if one},
                    "split": SplitUsed(
                        split["name"], split["digests"], split["counts"], split.get("overlaps")
                    ),
                    "cost": Cost.from_json(plain["cost"]),
                }
            )
        except FAULTS as error:
            raise lacking(where, error) from None


RESULT = tuple(f.name for f in fields(Result))
FAULTS = (KeyError, TypeError, AttributeError)  # of reading what is not there, or of another kind


def lacking(where: str | Path, error: Exception) -> UserError:
    return UserError(
        f"{where} lacks what a report needs ({error}); remove that run's directory to train it "
        "anew."
    )
