"""A results folder as finished runs leave it, with accuracies that a test chooses."""

import json
from pathlib import Path

import numpy as np

from bench import FORMAT
from bench.config.spec import NetworkConfig, RunSpec, TrainConfig
from bench.runs.rundir import RunDir, place

COUNTS = {"train": 600, "val": 200, "test": 200}


CODE = {"version": "0.1.0", "commit": "abc1234", "source": "0123456789ab"}


def spec_of(method, seed=0, *, dataset="toy", settings=None, train=None, network=None, data=None):
    return RunSpec(
        method=method,
        dataset=dataset,
        seed=seed,
        settings=settings or {},
        train=TrainConfig(**(train or {})),
        network=NetworkConfig(**(network or {})),
        data={"split": "clean"} | (data or {}),
    )


def truth(best):
    if not best:
        return None
    sets = [{"modalities": list(m), "accuracy": share} for m, share in best.items()]
    return {"chance": 0.1, "best": sets}


def add(
    results: Path,
    method: str,
    seed: int = 0,
    *,
    accuracy: float | dict = 0.5,  # a share, or protocol -> share
    heads: dict | None = None,  # modality -> share, for every protocol
    probe: dict | None = None,
    readout: str | None = "own_head",
    modalities=("m0", "m1"),
    family: str = "First family",
    order: int = 0,
    more_than_two: str = "",
    title: str = "Toy data",
    data_hash: str = "d" * 64,
    digests: dict | None = None,
    code: dict | None = None,
    log: list[dict] | None = None,
    environment: dict | None = None,
    overlaps: list[str] | None = None,
    departures: list[str] | None = None,
    changed: dict | None = None,
    selected: dict | None = None,
    test_readings: int | None = None,
    best: dict | None = None,  # modalities -> share, of data that were generated; chance is 0.1
    **spec,
) -> RunDir:
    """One finished run; further names go to `spec_of`."""
    made = spec_of(method, seed, **spec)
    run = place(results, made)
    run.create(made)
    parts = {p: n for p, n in COUNTS.items() if p != "val" or made.data["split"] != "literature"}
    protocol = "val" if "val" in parts else "last"
    by_protocol = accuracy if isinstance(accuracy, dict) else {protocol: accuracy}
    result = {
        "format": FORMAT,
        "spec": made.to_json(),
        "digest": made.digest,
        "method": {
            "name": method,
            "title": method,
            "family": family,
            "order": order,
            "paper": "-",
            "beyond_two": more_than_two,
        },
        "dataset": {"name": made.dataset, "title": title},
        "modalities": list(modalities),
        "readout": readout,
        "protocols": {p: kept(a, heads or {}) for p, a in by_protocol.items()},
        "selected": selected or {},
        "probe": {"protocol": protocol, "test": probe or {}, "val": {}, "strength": {}},
        "split": {
            "name": made.data["split"],
            "digests": digests or {p: f"{i}" * 64 for i, p in enumerate(parts)},
            "counts": parts,
            "overlaps": overlaps,
        },
        "environment": environment,
        "departures": departures,
        "changed": changed,
        "test_readings": test_readings,
        "truth": truth(best),
        "data_hash": data_hash,
        "cost": {"epochs": len(log or [])},
        "code": code or CODE,
        "an unknown key": 1,
    }
    run.result.write_text(json.dumps(result))
    run.log.write_text("".join(json.dumps(row) + "\n" for row in log or []))
    return run


def kept(accuracy, heads):
    return {
        "stage": "train",
        "epoch": 3,
        "val": None,
        "test": {"accuracy": accuracy, "unimodal": heads},
    }


def learning(ends: dict, epochs=20, stage="train", seed=0):
    """Log rows in which each modality's validation accuracy climbs to its share in `ends`."""
    noise = np.random.default_rng(seed)
    return [
        {
            "stage": stage,
            "epoch": e,
            "val_accuracy": 0.5,
            "val_unimodal": {
                m: end * (1 - np.exp(-(e + 1) / 5)) + 0.01 * noise.standard_normal()
                for m, end in ends.items()
            },
        }
        for e in range(epochs)
    ]


def suite(results: Path, methods=12, modalities=("m0", "m1"), seeds=5) -> None:
    """A folder with every kind of row: each modality alone, stages one after the other, others."""
    noise = np.random.default_rng(0)
    top = {m: 0.9 - 0.12 * i for i, m in enumerate(modalities)}

    def around(share):
        return float(np.clip(share + 0.008 * noise.standard_normal(), 0, 1))

    common = {"modalities": modalities, "title": "Toy data, two views"}
    for seed in range(seeds):
        for m in modalities:
            a = around(top[m])
            log = learning({m: top[m]}, seed=seed)
            add(
                results,
                f"unimodal-{m}",
                seed,
                accuracy=a,
                heads={m: a},
                probe={m: around(top[m])},
                family="Baselines",
                log=log,
                **common,
            )
        log = [r for m in modalities for r in learning({m: top[m]}, stage=m, seed=seed)]
        each = {m: around(top[m]) for m in modalities}
        add(
            results,
            "ensemble",
            seed,
            accuracy=around(0.93),
            heads=each,
            probe=each,
            family="Baselines",
            order=1,
            log=log,
            **common,
        )
        for i in range(methods):
            family = ("Gradient modulation", "Objectives", "Detached training")[i * 3 // methods]
            lost = {m: 0.25 * (j + 1) * (1 - i / methods) / 2 for j, m in enumerate(modalities)}
            each = {m: around(top[m] - lost[m]) for m in modalities}
            add(
                results,
                f"method_{i}",
                seed,
                accuracy=around(0.84 + 0.1 * i / methods),
                heads=each,
                probe={m: around(a + 0.02) for m, a in each.items()},
                family=family,
                order=2 + i,
                readout="slice" if i % 3 == 0 else "own_head",
                log=learning(each, seed=seed),
                **common,
            )


# A name that would run if it were taken for markup.
EVIL = "<script>document.title='owned'</script>"
