"""A golden file of G-Blend of other shapes, seeds and modalities, by plain formulas."""

import numpy as np

from tests.golden.made import softmax


def weighed(fit, held, fit_after, held_after, floor):
    """G, dO, raw and w of K losses each."""
    gain, growth = held - held_after, (held_after - fit_after) - (held - fit)
    raw = np.array([max(g, 0) / max(o * o, floor) for g, o in zip(gain, growth, strict=True)])
    return gain, growth, raw, raw / raw.sum() if raw.any() else np.full(len(raw), 1 / len(raw))


def gblend(names, seed):
    rng = np.random.default_rng(seed)
    shape, floor = (5, len(names) + 1), 1e-3
    starts = [rng.uniform(1.5, 2, shape), rng.uniform(1.5, 2, shape)]
    ends = [rng.uniform(0.5, 1, shape), rng.uniform(1, 1.5, shape)]
    ends[1][1, 0] = starts[1][1, 0] + 0.1  # what did not generalise
    ends[1][2] = starts[1][2] + 0.1  # nothing did
    for fit, held in (starts, ends):
        fit[3, 0], held[3, 0] = held[3, 0] - 0.1, held[3, 0]  # no growth
    cases = [weighed(*case, floor) for case in zip(*starts, *ends, strict=True)]
    arrays = dict(zip(("LT_start", "LV_start", "LT_end", "LV_end"), (*starts, *ends), strict=True))
    arrays |= {k: [c[i] for c in cases] for i, k in enumerate(("G", "dO", "raw", "weights"))}
    losses = rng.uniform(0.5, 2, shape)
    blended = [loss @ case[3] for loss, case in zip(losses, cases, strict=True)]
    arrays |= {"eps": floor, "head_losses": losses, "blended_loss": blended}
    return {k: np.asarray(v) for k, v in (arrays | estimate(rng, len(names))).items()}


def estimate(rng, modalities):
    """Trials of linear networks, whose gradients are written out."""
    classes, width, size, epochs, rate = 3, 4, 5, 4, 0.2
    y = {"T": rng.integers(classes, size=20), "V": rng.integers(classes, size=9)}
    arrays = {"e2e_batch": size, "e2e_epochs": epochs, "e2e_lr": rate}
    arrays |= {f"e2e_y{p}": labels for p, labels in y.items()}
    centres = rng.normal(size=(modalities, classes, 5))
    x = {
        p: [c[y[p], : 3 + i] + rng.normal(size=(len(y[p]), 3 + i)) for i, c in enumerate(centres)]
        for p in y
    }
    encoders = [
        [rng.normal(size=(width, 3 + i)) / 2, rng.normal(size=width)] for i in range(modalities)
    ]
    wide = [width] * modalities + [width * modalities]
    heads = [[rng.normal(size=(classes, w)) / 2, rng.normal(size=classes)] for w in wide]
    for i, layer in enumerate(encoders):
        arrays |= {f"e2e_XT{i}": x["T"][i], f"e2e_XV{i}": x["V"][i]}
        arrays |= {f"e2e_encW{i}": layer[0], f"e2e_encb{i}": layer[1]}
    for i, layer in enumerate(heads):
        kind = f"head{{}}{i}" if i < modalities else "fuse{}"
        arrays |= {f"e2e_{kind.format(letter)}": v for letter, v in zip("Wb", layer, strict=True)}
    losses = []
    for k, head in enumerate(heads):
        members = [k] if k < modalities else list(range(modalities))
        layers = [[v.copy() for v in encoders[i]] for i in members], [v.copy() for v in head]
        inputs = {p: [x[p][i] for i in members] for p in y}
        row = [loss(inputs[p], y[p], *layers) for p in "TV"]
        for _ in range(epochs):
            for at in range(0, len(y["T"]), size):
                part = slice(at, at + size)
                descend([z[part] for z in inputs["T"]], y["T"][part], *layers, rate)
        losses.append([*row, *(loss(inputs[p], y[p], *layers) for p in "TV")])
    weights = weighed(*np.array(losses).T, 1e-8)[3]
    return arrays | {"e2e_losses": losses, "e2e_weights": weights}


def answer(inputs, encoders, head):
    features = [x @ w.T + b for x, (w, b) in zip(inputs, encoders, strict=True)]
    return np.concatenate(features, axis=1), softmax(np.hstack(features) @ head[0].T + head[1])


def loss(inputs, labels, encoders, head):
    _, probs = answer(inputs, encoders, head)
    return -np.log(probs[np.arange(len(labels)), labels]).mean()


def descend(inputs, labels, encoders, head, rate):
    features, probs = answer(inputs, encoders, head)
    wrong = (probs - np.eye(probs.shape[1])[labels]) / len(labels)
    parts = np.split(wrong @ head[0], len(encoders), axis=1)
    head[0] -= rate * wrong.T @ features
    head[1] -= rate * wrong.sum(axis=0)
    for x, layer, part in zip(inputs, encoders, parts, strict=True):
        layer[0] -= rate * part.T @ x
        layer[1] -= rate * part.sum(axis=0)
