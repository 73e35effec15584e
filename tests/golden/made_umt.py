"""A golden file of UMT of other shapes, seeds and modalities, by plain formulas."""

import numpy as np

from tests.golden.made import softmax


def umt(names, seed):
    rng = np.random.default_rng(seed)
    batch, classes, factor = 5, 3, 2.5
    dims = [3 + i for i in range(len(names))]
    students = [rng.normal(size=(batch, d)) for d in dims]
    taught = [rng.normal(size=(batch, d)) for d in dims]
    weight, bias = rng.normal(size=(classes, sum(dims))), rng.normal(size=classes)
    label = rng.integers(classes, size=batch)
    whole = np.concatenate(students, axis=1)
    logits = whole @ weight.T + bias
    task = -sum(np.log(softmax(o)[y]) for o, y in zip(logits, label, strict=True)) / batch
    wrong = (np.array([softmax(o) for o in logits]) - np.eye(classes)[label]) / batch
    distance = [((z - t) ** 2).mean() for z, t in zip(students, taught, strict=True)]
    made = {"M": len(names), "dims": dims, "distill_weight": factor, "labels": label}
    made |= {"W": weight, "b": bias, "logits": logits, "loss_task": task}
    made |= {"loss_distill": distance, "loss_total": task + factor * sum(distance)}
    made["grad_W"] = wrong.T @ whole
    of_head = np.split(wrong @ weight, np.cumsum(dims)[:-1], axis=1)
    for i, (z, t, g) in enumerate(zip(students, taught, of_head, strict=True)):
        pull = 2 * factor * (z - t) / z.size
        made |= {f"z{i}": z, f"z_teacher{i}": t, f"grad_z{i}": g + pull}
        made[f"grad_distill_z{i}"] = pull
    return {k: np.asarray(v) for k, v in made.items()}
