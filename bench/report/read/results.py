"""One finished run as a report needs it, read from its result.json."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.config.spec import BEFORE, BEST, FP32, fold_of, unfolded
from bench.errors import UserError
from bench.report.read import evaluated
from bench.report.read.evaluated import Evaluated
from bench.runs.result import FAULTS, Result, lacking
from bench.runs.rundir import AGAIN, RunDir

UNRECORDED = "not recorded"


@dataclass(frozen=True)
class Learned:
    """A panel of what a method learned: numbers by name, or the key of numbers in the log's rows,
    then `values` is empty."""

    title: str
    unit: str
    values: dict[str, float]
    logged: str


@dataclass(frozen=True)
class Machine:
    """What computed a run. Numbers of different ones may differ from the last bit on."""

    device: str  # type and name
    torch: str
    arithmetic: str
    precision: str  # of the encoders, in words; empty for fp32

    @classmethod
    def of(cls, environment: Mapping[str, object]) -> "Machine":
        precision = environment.get("precision") or FP32  # else it is in the settings
        said = {key: environment.get(key) or UNRECORDED for key in ("device", "device_name")}
        return cls(
            f"{said['device']} ({said['device_name']})",
            f"torch {environment.get('torch') or UNRECORDED}",
            f"arithmetic {environment.get('arithmetic') or UNRECORDED}",
            "" if precision == FP32 else f"encoders in {precision}",
        )

    def __str__(self) -> str:
        return ", ".join(filter(None, vars(self).values()))


@dataclass(frozen=True)
class Finished:
    """What one result.json says. Accuracies are shares on test."""

    directory: RunDir
    dataset: str
    title: str  # of the data set
    method: str
    family: str
    more_than_two: (
        str  # what of the method is our extension to more than two modalities; may be empty
    )
    # Settings that are neither the recipe nor the method's defaults; None for older results.
    changed: dict[str, object] | None
    departures: tuple[str, ...]  # what else the method does that its paper does not
    order: float  # the method's place in tables; methods outside the registry come last
    digest: str
    unfolded: str  # the same for all folds of a configuration
    seed: int
    fold: int  # 0 for data sets without folds
    draw: int | tuple[int, int]  # its seed; fold and seed where the table has several folds
    settings: dict[str, object]  # of method, recipe and network; dotted names
    data: dict[str, object]  # settings of the data set; dotted names
    modalities: tuple[str, ...]
    readout: str  # what `heads` are: own_head, slice, or empty
    accuracy: dict[str, float]  # protocol -> the method's answer
    heads: dict[str, dict[str, float]]  # protocol -> modality -> its head
    selected: tuple[str, ...]  # stages that end with weights that validation selects
    test_readings: int | None  # of which `test-best` is the best; None for older results
    probe: dict[str, float]  # modality -> linear probe
    probe_protocol: str
    split: str
    counts: dict[str, int]  # part -> samples
    digests: dict[str, str]  # part -> digest of its ids
    overlaps: tuple[str, ...]  # what two parts have in common, in sentences
    data_hash: str
    machine: Machine
    code: str
    epochs: int  # of the whole plan
    learned: tuple[Learned, ...]  # empty for methods that tell nothing, and for older results
    evaluated: Evaluated  # its parts empty for older results
    environment: dict[str, object]  # see bench.training.environment; empty where not recorded

    def rows(self) -> list[dict]:
        """The log's epochs; none of a record. Raises UserError if it does not hold all of them."""
        if self.directory.is_record:
            return []
        rows = self.directory.rows()
        if len(rows) < self.epochs:
            raise UserError(
                f"{self.directory.log} is damaged: it holds {len(rows)} of {self.epochs} epochs; "
                f"remove {self.directory.result.name} beside it, and the command that trained the "
                "run finishes it again."
            )
        return rows


def read(directory: RunDir, order: int | None = None) -> Finished:
    """order: its method's place, if not as when it was trained. Raises UserError if result.json is
    unreadable, of another format version or another run than its folder, or lacks a value."""
    result = directory.read_result()
    try:
        run = parse(directory, result, result.method.order if order is None else order)
    except FAULTS as error:
        raise lacking(str(directory.result), error) from None
    if (run.digest, f"seed-{run.seed}") != directory.path.parts[-2:]:
        raise UserError(
            f"{directory.result} tells of configuration {run.digest}, seed {run.seed}, which "
            f"is not the run of its folder; {AGAIN}."
        )
    return run


def parse(directory: RunDir, result: Result, order: int | None) -> Finished:
    spec, method, split = result.spec, result.method, result.split
    probe = result.probe or {"protocol": "", "test": {}}
    shared = flatten({"train": BEFORE | spec["train"], "network": spec["network"]})
    test = {p: reading.test for p, reading in result.protocols.items() if reading.test}
    return Finished(
        directory=directory,
        dataset=result.dataset["name"],
        title=result.dataset.get("title") or result.dataset["name"],
        method=method.name,
        family=method.family or "",
        more_than_two=method.more_than_two or "",
        changed=result.changed,
        departures=tuple(result.departures or ()),
        order=float("inf") if order is None else order,
        digest=result.digest,
        unfolded=unfolded(spec, result.digest),
        seed=spec["seed"],
        fold=fold_of(spec["data"]),
        draw=spec["seed"],
        settings=flatten(spec["settings"]) | shared,
        data=flatten(spec["data"]),
        modalities=tuple(result.modalities),
        readout=result.readout or "",
        accuracy={p: scores.accuracy for p, scores in test.items()},
        heads={p: dict(scores.unimodal or {}) for p, scores in test.items()},
        selected=tuple(result.selected or ()) if shared["train.selection"] == BEST else (),
        test_readings=result.test_readings,
        probe=dict(probe["test"]),
        probe_protocol=probe["protocol"],
        split=split.name,
        counts={k: n for k, n in split.counts.items() if n},
        digests={k: d for k, d in split.digests.items() if d},
        overlaps=tuple(split.overlaps or ()),
        data_hash=result.data_hash,
        machine=Machine.of(result.environment or {}),
        code=code_words(result.code),
        epochs=result.cost.epochs,
        learned=tuple(learned(panel) for panel in result.learned or ()),
        evaluated=evaluated.parse(result),
        environment=result.environment or {},
    )


def learned(panel: dict) -> Learned:
    logged = panel.get("logged") or ""
    return Learned(panel["title"], panel["unit"], {} if logged else dict(panel["values"]), logged)


def code_words(code: dict) -> str:
    """The version a result states: "0.1.0, commit abc1234, source 0123456789ab"."""
    commit = f", commit {code['commit']}" if code.get("commit") else ""
    return f"{code['version']}{commit}, source {code['source']}"


def flatten(values: dict, prefix: str = "") -> dict[str, object]:
    """Nested dictionaries as one, with dotted names."""
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
