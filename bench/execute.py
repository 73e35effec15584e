"""One run, from its spec to its result: the one place besides the command line and `configure` that
knows both tables."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from bench import datasets, methods, metrics
from bench.config.settings import build
from bench.config.spec import LAST, PROTOCOLS, VAL, RunSpec
from bench.configure import changed, open_adapter
from bench.evaluation.cost import cost, training_operations
from bench.evaluation.evaluate import evaluate
from bench.loading.faults import faulty
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.method import Method
from bench.networks.task import Task
from bench.registry import load, lookup
from bench.runs.files import write_bytes, write_json
from bench.runs.places import Places
from bench.runs.result import Cost, MethodTitle, Reading, Result, SplitScores, SplitUsed
from bench.runs.rundir import RunDir
from bench.training import checkpoint
from bench.training.environment import code_version, device_of, environment
from bench.training.journal import Journal
from bench.training.memory import PeakMemory
from bench.training.numerics import check_precision, chosen, layout_of, precision_of
from bench.training.trainer import (
    Evaluation,
    Stopped,
    Trainer,
    TrainingFailed,
    TrainingProgress,
)
from bench.types import DataBundle, DatasetSpec, Split

__all__ = ["Stopped", "TrainingFailed", "build_method", "execute", "open_data", "train_data"]

CPU = torch.device("cpu")


def execute(run: RunDir, places: Places, stop: Callable[[], bool] = bool) -> None:
    """Trains the run from where it stands and writes its files, result.json last.

    The caller holds the run's lock. Raises Stopped, TrainingFailed or UserError.
    """
    spec, on = run.spec(), device_of(places.device)
    check_precision(spec.train.precision, on)
    torch.set_num_threads(spec.train.threads)
    torch.backends.cudnn.deterministic = True
    with threadpool_limits(spec.train.threads), PeakMemory(on) as memory:
        torch.manual_seed(spec.seed)  # for code that is not ours; ours has named generators
        bundle = open_data(spec, places)
        method = build_method(spec, bundle.spec, on)
        run.tidy()
        state = checkpoint.newest(run)
        if state is not None and state["data_hash"] != bundle.hash:
            raise TrainingFailed(
                f"the checkpoint of {run.path} was made on other data (hash "
                f"{state['data_hash'][:12]}, now {bundle.hash[:12]}); remove that directory."
            )
        journal = Journal(run, [] if state is None else state["rows"])
        trainer = make_trainer(method, bundle, spec, journal, on, stop)
        progress = trainer.train(state)
        finish(spec, method, bundle, trainer, progress, journal, memory.mib())


@lru_cache(maxsize=4)
def opened(dataset: str, data: str, root: Path | None, cache: Path) -> DataBundle:
    """A worker trains many runs on one data set: it is opened once."""
    return open_adapter(dataset, json.loads(data), root).open(cache)


def open_data(spec: RunSpec, places: Places) -> DataBundle:
    data = json.dumps(spec.data, sort_keys=True)
    return opened(spec.dataset, data, places.roots.get(spec.dataset), places.cache)


def build_method(spec: RunSpec, data: DatasetSpec, device: torch.device = CPU) -> Method:
    """The method of a run, with its initial weights, on the device."""
    cls = load(lookup(methods.ENTRIES, spec.method, "method").target)
    config = build(cls.Config, spec.settings, spec.method)
    precision, layout = precision_of(spec.train.precision, device), layout_of(device)
    return cls(Task(data, spec.network, spec.seed, precision, layout), config).to(device)


def train_data(spec: RunSpec, bundle: DataBundle, device: torch.device) -> TrainData:
    """What the run trains on, with the faults that it asks for."""
    split = faulty(bundle.parts["train"], bundle.spec, spec.data, spec.seed)
    return TrainData(split, bundle.spec, spec.train.batch_size, spec.seed, device)


def make_trainer(method, bundle, spec, journal, device, stop) -> Trainer:
    parts = {
        name: Source(split, bundle.spec, device)
        for name, split in bundle.parts.items()
        if name != "train"
    }
    evaluation = Evaluation(
        OrderedLoader(parts["val"]) if "val" in parts else None, OrderedLoader(parts["test"])
    )
    return Trainer(
        method,
        train_data(spec, bundle, device),
        evaluation,
        spec.train,
        log=journal.add,
        save=lambda state: journal.save(state | {"data_hash": bundle.hash}),
        stop=stop,
    )


def finish(
    spec, method, bundle, trainer, progress: TrainingProgress, journal: Journal, peak
) -> None:
    """Everything after training: weights, predictions, evaluation, and the result last. peak: the
    memory that training took, see PeakMemory."""
    run, device = journal.run, method.device
    journal.write()
    write_bytes(run.weights, checkpoint.dump(clean(method.state_dict())))
    for part in bundle.parts:
        if part != "train":
            write_predictions(run, part, bundle, progress)
    kept = progress.kept[VAL if "val" in bundle.parts else LAST]
    evaluated = evaluate(method, bundle, spec.seed, device, kept["test"]["logits"])
    write_bytes(run.subsets, npz_bytes(evaluated.arrays, compress=True))
    counts = {part: len(split) for part, split in bundle.parts.items()}
    result = Result(
        spec=spec.to_json(),
        digest=spec.digest,
        method=method_title(spec),
        dataset=dataset_title(spec),
        modalities=list(bundle.spec.modalities),
        changed=changed(spec, bundle.spec),
        departures=method.departures(),
        readout=readout(method, progress),
        protocols={p: reading(progress.kept[p], bundle) for p in PROTOCOLS if p in progress.kept},
        selected=progress.selected,
        test_readings=sum("test_accuracy" in row for row in journal.rows) or 1,
        **evaluated.entries,
        learned=learned(method, trainer.evaluation.test, journal.rows),
        truth=known(bundle),
        split=SplitUsed(bundle.split, bundle.digests, counts, list(bundle.overlaps)),
        data_hash=bundle.hash,
        cost=cost_of(spec, method, bundle, trainer, peak),
        environment=environment(device) | chosen(method.task),
        code=code_version(),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_json(run.result, result.to_json())


def cost_of(spec, method, bundle, trainer, peak) -> Cost:
    """What training took, and what it computes, told by a copy of the method."""
    copy = build_method(spec, bundle.spec, method.device)
    copy.load_state_dict(method.state_dict())
    computed = training_operations(copy, trainer.data, spec.train)
    return cost(method, trainer.at, peak, trainer.evaluation.test, computed)


def clean(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.cpu() for k, v in state.items()}


def method_title(spec: RunSpec) -> MethodTitle:
    entry = lookup(methods.ENTRIES, spec.method, "method")
    title = entry.title
    if entry.expand:
        title = f"{title} ({spec.settings[entry.expand]})"
    order = methods.ENTRIES.index(entry) if entry in methods.ENTRIES else len(methods.ENTRIES)
    return MethodTitle(spec.method, title, entry.family, order, entry.paper, entry.more_than_two)


def dataset_title(spec: RunSpec) -> dict[str, str]:
    title = lookup(datasets.ENTRIES, spec.dataset, "data set").title
    return {"name": spec.dataset, "title": title}


def known(bundle: DataBundle) -> dict[str, object] | None:
    """What the result says of generated data: the accuracy of who knows everything, by what is
    shown."""
    if bundle.truth is None:
        return None
    best = [{"modalities": list(m), "accuracy": a} for m, a in bundle.truth.best.items()]
    return {"chance": 1 / bundle.spec.classes, "best": best}


def readout(method: Method, progress: TrainingProgress) -> str | None:
    """What the stored uni-modal logits are."""
    if not progress.kept[LAST]["test"]["unimodal"]:
        return None
    return "own_head" if method.has_own_heads else "slice"


def write_predictions(
    run: RunDir, part: str, bundle: DataBundle, progress: TrainingProgress
) -> None:
    split = bundle.parts[part]
    arrays = {"index": np.arange(len(split)), "label": split.labels.numpy()}
    for protocol, kept in progress.kept.items():
        arrays[f"{protocol}/logits"] = kept[part]["logits"].numpy()
        for m, logits in kept[part]["unimodal"].items():
            arrays[f"{protocol}/unimodal/{m}"] = logits.numpy()
    if bundle.truth is not None and part == "test":
        arrays["posterior"] = bundle.truth.posterior.astype("<f4")
    write_bytes(run.predictions(part), npz_bytes(arrays))


def npz_bytes(arrays: dict[str, np.ndarray], compress: bool = False) -> bytes:
    """The arrays as an .npz."""
    buffer = BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def reading(kept: dict, bundle: DataBundle) -> Reading:
    """Where a protocol's epoch is, and its metrics."""
    parts = (scores(kept[part], bundle.parts.get(part)) for part in ("val", "test"))
    return Reading(kept["stage"], kept["epoch"], *parts)


def scores(predictions: dict | None, split: Split | None) -> SplitScores | None:
    if predictions is None:
        return None
    labels, logits = split.labels.numpy(), predictions["logits"].numpy()
    unimodal = {m: metrics.accuracy(u.numpy(), labels) for m, u in predictions["unimodal"].items()}
    return SplitScores(metrics.accuracy(logits, labels), metrics.macro_f1(logits, labels), unimodal)


def learned(method: Method, loader: OrderedLoader, rows: list[dict]) -> list[dict[str, object]]:
    """The method's panels; one that names a logged metric gets its curve, [epoch, value] each."""
    panels = method.learned(loader)
    for panel in panels:
        if "logged" in panel:
            key = panel["logged"]
            panel["curve"] = [[row["epoch"], row[key]] for row in rows if key in row]
    return panels
