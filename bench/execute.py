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

from bench import FORMAT, datasets, methods, metrics
from bench.config.settings import build
from bench.config.spec import RunSpec
from bench.evaluation.cost import add_operations, cost
from bench.evaluation.evaluate import evaluate
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.method import Method
from bench.networks.task import Task
from bench.registry import load, lookup
from bench.runs.files import write_bytes, write_json
from bench.runs.rundir import RunDir
from bench.training import checkpoint
from bench.training.environment import (
    code_version,
    device_of,
    environment,
    peak_memory,
    reset_peak_memory,
)
from bench.training.journal import Journal
from bench.training.trainer import (
    LAST,
    PROTOCOLS,
    VAL,
    Evaluation,
    Progress,
    Stopped,
    Trainer,
    TrainingFailed,
)
from bench.types import DataBundle, DatasetSpec

__all__ = ["Stopped", "TrainingFailed", "build_method", "execute", "open_data"]


def execute(
    run: RunDir,
    cache: Path,
    roots: dict[str, Path],
    device: str = "auto",
    stop: Callable[[], bool] = bool,
) -> None:
    """Trains the run from where it stands and writes its files, result.json last.

    The caller holds the run's lock. Raises Stopped, TrainingFailed or UserError.
    """
    spec, on = run.spec(), device_of(device)
    torch.set_num_threads(spec.train.threads)
    torch.backends.cudnn.deterministic = True
    with threadpool_limits(spec.train.threads):
        torch.manual_seed(spec.seed)  # for code that is not ours; ours has named generators
        reset_peak_memory(on)
        bundle = open_data(spec, cache, roots)
        method = build_method(spec, bundle.spec).to(on)
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
        finish(spec, method, bundle, trainer, progress, journal, on)


@lru_cache(maxsize=4)
def opened(dataset: str, data: str, root: Path | None, cache: Path) -> DataBundle:
    """A worker trains many runs on one data set: it is opened once."""
    adapter = load(lookup(datasets.ENTRIES, dataset, "data set").target)
    return adapter(build(adapter.Config, json.loads(data), dataset), root).open(cache)


def open_data(spec: RunSpec, cache: Path, roots: dict[str, Path]) -> DataBundle:
    data = json.dumps(spec.data, sort_keys=True)
    return opened(spec.dataset, data, roots.get(spec.dataset), cache)


def build_method(spec: RunSpec, data: DatasetSpec) -> Method:
    """The method of a run, with its initial weights."""
    cls = load(lookup(methods.ENTRIES, spec.method, "method").target)
    config = build(cls.Config, spec.settings, spec.method)
    return cls(Task(data, spec.network, spec.seed, spec.train.precision), config)


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
        TrainData(bundle.parts["train"], bundle.spec, spec.train.batch_size, spec.seed, device),
        evaluation,
        spec.train,
        log=journal.add,
        save=lambda state: journal.save(state | {"data_hash": bundle.hash}),
        stop=stop,
    )


def finish(spec, method, bundle, trainer, progress: Progress, journal: Journal, device) -> None:
    """Everything after training: weights, predictions, evaluation, and the result last."""
    run = journal.run
    journal.write()
    peak = peak_memory(device)
    write_bytes(run.weights, checkpoint.dump(clean(method.state_dict())))
    for part in bundle.parts:
        if part != "train":
            write_predictions(run, part, bundle, progress)
    kept = progress.kept[VAL if "val" in bundle.parts else LAST]
    evaluated = evaluate(method, bundle, spec.seed, device, kept["test"]["logits"])
    write_bytes(run.subsets, packed(evaluated.arrays, compress=True))
    found = {
        "format": FORMAT,
        "spec": spec.to_json(),
        "digest": spec.digest,
        **describe(spec),
        "modalities": list(bundle.spec.modalities),
        "readout": readout(method, progress),
        "protocols": {p: scores(progress.kept[p], bundle) for p in PROTOCOLS if p in progress.kept},
        "selected": progress.selected,
        **evaluated.found,
        "learned": learned(method, trainer.evaluation.test, journal.rows),
        "split": {
            "name": bundle.split,
            "digests": bundle.digests,
            "counts": {part: len(split) for part, split in bundle.parts.items()},
        },
        "data_hash": bundle.hash,
        "cost": cost_of(spec, method, bundle, trainer, peak),
        "environment": environment(device),
        "code": code_version(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(run.result, found)


def cost_of(spec, method, bundle, trainer, peak) -> dict[str, object]:
    """What training took, and what it computes, told by a copy of the method."""
    found = cost(method, trainer.at, peak, trainer.evaluation.test)
    copy = build_method(spec, bundle.spec).to(method.device)
    copy.load_state_dict(method.state_dict())
    add_operations(found, copy, trainer.data, spec.train)
    return found


def clean(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.cpu() for k, v in state.items()}


def describe(spec: RunSpec) -> dict[str, dict]:
    """How tables name and order the run: what they need of the registry, so that they need none."""
    entry = lookup(methods.ENTRIES, spec.method, "method")
    title = entry.title
    if entry.expand:
        title = f"{title} ({spec.settings[entry.expand]})"
    order = methods.ENTRIES.index(entry) if entry in methods.ENTRIES else len(methods.ENTRIES)
    data = lookup(datasets.ENTRIES, spec.dataset, "data set")
    return {
        "method": {
            "name": spec.method,
            "title": title,
            "family": entry.family,
            "order": order,
            "paper": entry.paper,
            "beyond_two": entry.beyond_two,
        },
        "dataset": {"name": spec.dataset, "title": data.title},
    }


def readout(method: Method, progress: Progress) -> str | None:
    """What the stored uni-modal logits are."""
    if not progress.kept[LAST]["test"]["unimodal"]:
        return None
    return "own_head" if method.own_heads else "slice"


def write_predictions(run: RunDir, part: str, bundle: DataBundle, progress: Progress) -> None:
    split = bundle.parts[part]
    arrays = {"index": np.arange(len(split)), "label": split.labels.numpy()}
    for protocol, kept in progress.kept.items():
        arrays[f"{protocol}/logits"] = kept[part]["logits"].numpy()
        for m, logits in kept[part]["unimodal"].items():
            arrays[f"{protocol}/unimodal/{m}"] = logits.numpy()
    write_bytes(run.predictions(part), packed(arrays))


def packed(arrays: dict[str, np.ndarray], compress: bool = False) -> bytes:
    """The arrays as an .npz."""
    buffer = BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def scores(kept: dict, bundle: DataBundle) -> dict[str, object]:
    """Where a protocol's epoch is, and its metrics on validation (None without one) and test."""
    found = {"stage": kept["stage"], "epoch": kept["epoch"]}
    for part in ("val", "test"):
        predictions = kept[part]
        if predictions is None:
            found[part] = None
            continue
        labels = bundle.parts[part].labels.numpy()
        logits = predictions["logits"].numpy()
        found[part] = {
            "accuracy": metrics.accuracy(logits, labels),
            "macro_f1": metrics.macro_f1(logits, labels),
            "unimodal": {
                m: metrics.accuracy(u.numpy(), labels) for m, u in predictions["unimodal"].items()
            },
        }
    return found


def learned(method: Method, loader: OrderedLoader, rows: list[dict]) -> list[dict[str, object]]:
    """The method's panels; one that names a logged metric gets its curve, [epoch, value] each."""
    panels = method.learned(loader)
    for panel in panels:
        if "logged" in panel:
            key = panel["logged"]
            panel["curve"] = [[row["epoch"], row[key]] for row in rows if key in row]
    return panels
