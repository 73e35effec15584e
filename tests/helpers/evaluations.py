"""What fake results lack: evaluations, costs and predictions, as finished runs have them."""

import json

import numpy as np

from bench.metrics.balance import subsets
from bench.runs.rundir import RunDir
from tests.helpers.results import add, learning

LEVELS = [k / 10 for k in range(11)]
CLASSES = 5


def evaluate(run: RunDir, accuracy: float, shares: dict[str, float], cost=(1e9, 10.0)) -> RunDir:
    """Adds all of it to a finished run. shares: modality -> what withholding it takes from the
    accuracy, at most. cost: operations and seconds."""
    result = json.loads(run.result.read_text())
    noise = np.random.default_rng([result["spec"]["seed"], int(1e4 * accuracy)])
    everything = sum(shares.values())
    worth = {m: accuracy * share / everything for m, share in shares.items()}
    result["unimodal"] = {"protocol": "val", "mask": worth}
    result["subsets"] = [
        {
            "modalities": [m for m, there in zip(shares, row, strict=True) if there],
            "mask": float(sum(worth[m] for m, there in zip(shares, row, strict=True) if there)),
        }
        for row in subsets(len(shares))
    ]
    curves = [
        {"kind": kind, "modality": m, "accuracy": falling(accuracy, lost, noise)}
        for kind in ("missing_zero", "noise_inputs")
        for m, lost in [*shares.items(), (None, 0.95 * accuracy)]
    ]
    result["robustness"] = {"levels": LEVELS, "curves": curves}
    result["cost"] |= {"training_flops": cost[0], "seconds": cost[1]}
    run.result.write_text(json.dumps(result))
    for part, count in (("val", 200), ("test", 400)):
        logits, label = answers(accuracy, count, noise)
        np.savez(run.predictions(part), **{"label": label, "val/logits": logits})
    return run


def falling(accuracy, lost, noise):
    """Curves that begin at the accuracy and lose `lost` of it."""
    fall = np.array(LEVELS) ** 1.5 * min(lost, accuracy)
    return [float(v) for v in np.clip(accuracy - fall + 0.004 * noise.standard_normal(11), 0, 1)]


def answers(accuracy, count, noise):
    """Logits that are right on that share of the samples, too sure of themselves."""
    label = noise.integers(CLASSES, size=count)
    chosen = np.where(noise.random(count) < accuracy, label, (label + 1) % CLASSES)
    logits = noise.normal(size=(count, CLASSES)) * 0.5
    logits[np.arange(count), chosen] += 1 + 4 * noise.random(count)
    return logits.astype(np.float32), label


def pulled(log, shares):
    """The log with gradients: of the first modality twice as long in the first epoch as its share,
    then ever shorter; of the others their shares."""
    first = next(iter(shares))
    for row in log:
        row["gradient_norm"] = dict(shares) | {first: 2 ** (1 - row["epoch"]) * shares[first]}
    return log


def campaign(results, methods=20, datasets=4, seeds=3, modalities=("m0", "m1"), epochs=12) -> None:
    """Each modality alone, and methods in three families, on every data set."""
    draw = np.random.default_rng(0)
    families = ("Gradient modulation", "Objectives", "Detached training")
    for d in range(datasets):
        top = {m: 0.85 - 0.05 * d - 0.15 * i for i, m in enumerate(modalities)}
        common = {"dataset": f"set{d}", "title": f"Toy data number {d}"}
        for seed in range(seeds):
            for m in modalities:
                one = add(
                    results,
                    f"unimodal-{m}",
                    seed,
                    accuracy=top[m] + 0.01 * draw.standard_normal(),
                    heads={m: top[m]},
                    probe={m: top[m]},
                    modalities=(m,),
                    family="Baselines",
                    log=learning({m: top[m]}, epochs=epochs, seed=seed),
                    **common,
                )
                evaluate(one, top[m], {m: top[m]}, (5e9, 4 + draw.random()))
            for i in range(methods):
                accuracy = 0.82 - 0.05 * d + 0.1 * i / methods + 0.015 * draw.standard_normal()
                each = {m: top[m] * (0.7 + 0.3 * i / methods) for m in modalities}
                one = add(
                    results,
                    f"{('method', 'approach', 'm')[i % 3]}_{i}",
                    seed,
                    accuracy=accuracy,
                    heads=each,
                    probe=each,
                    modalities=modalities,
                    family=families[3 * i // methods],
                    order=1 + i,
                    readout="slice" if i % 3 == 0 else "own_head",
                    log=pulled(learning(each, epochs=epochs, seed=seed), each),
                    **common,
                )
                lost = {
                    m: 0.5 / (1 + j) * (1 - i / (2 * methods)) for j, m in enumerate(modalities)
                }
                evaluate(one, accuracy, lost, (9e9 * (1 + i % 4), 8 + 3 * (i % 5) + draw.random()))
