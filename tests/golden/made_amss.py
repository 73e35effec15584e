"""A golden file of AMSS of other shapes, seeds and modalities, by plain formulas."""

from math import ceil, exp, log

import numpy as np

from tests.golden.made import softmax


def amss(names, seed):
    rng = np.random.default_rng(seed)
    made = case(rng, "few", names, 3.0) | case(rng, "none", names, 0.0)
    made |= case(rng, "many", (*names, "third"), 2.0)
    for name, shape, share in (("conv", (7, 2, 3, 3), 0.4), ("linear", (5, 4), 0.3)):
        made |= units(rng, name, shape, share)
    return {k: np.asarray(v) for k, v in made.items()}


def case(rng, name, names, clear):
    """clear: by how much the logits say the class; without, none of them tells anything."""
    batch, classes, temperature = 10, 4, 0.6
    label = rng.integers(classes - 1, size=batch)  # none of the last class
    features = {m: 2 * rng.normal(size=(batch, 3 + i)) for i, m in enumerate(names)}
    hit = np.eye(classes)[label]
    logits = np.stack([clear * hit / (1 + i) for i in range(len(names))])
    logits = logits + (0.5 if clear else 3.0) * rng.normal(size=logits.shape)
    content = np.array(
        [(-softmax(z) * np.log(softmax(z))).sum(axis=1).mean() for z in features.values()]
    )
    losses = np.array([-np.log((softmax(u) * hit).sum(axis=1)).mean() for u in logits])
    p = [float((label == c).mean()) for c in range(max(label) + 1)]
    wrong = [q - log(sum(exp(r) for r in p)) for q in p]
    known = {"": -sum(q * log(q) for q in p if q)}
    known["released_"] = -sum(q * w for q, w in zip(p, wrong, strict=True))
    made = {f"features_{m}": z for m, z in features.items()}
    made |= {"logits": logits, "labels": label, "classes": classes, "temperature": temperature}
    made["feature_entropy"] = content
    for form, entropy in known.items():
        told = entropy + 0.5 - losses
        assert (told > 0).all() == bool(clear)
        ratio = told / content / temperature if clear else np.nan * told
        share = np.clip(1 - softmax(ratio), 0.1, 0.9) if clear else 0.5 + 0 * told
        made |= {f"{form}label_entropy": entropy, f"{form}information": told}
        made |= {f"{form}ratio": ratio, f"{form}share": share}
    made |= {"ref_share": made["released_share"], "ref_label_entropy": known["released_"]}
    return {f"{name}_{k}": v for k, v in made.items()}


def units(rng, name, shape, share):
    gradient = rng.normal(size=shape)
    rows = list(gradient)
    size = np.array([(row**2).sum() for row in rows])
    p, kept = size / size.sum(), ceil(shape[0] * share)
    drawn = np.sort(rng.choice(shape[0], kept, replace=False))
    plus = [(1 / (q + 1 / len(p))) * (k in drawn) for k, q in enumerate(p)]
    masks = {"top": size >= np.sort(size)[-kept], "drawn": [k in drawn for k in range(len(p))]}
    made = {"gradient": gradient, "share": share, "importance": size, "kept": kept}
    made |= {"probability": p, "drawn": drawn, "plus_weight": plus}
    made["top_mask"] = np.array(masks["top"], dtype=float)
    for key, mask in (masks | {"plus": plus}).items():
        made[f"{key}_gradient"] = np.stack([k * row for k, row in zip(mask, rows, strict=True)])
    return {f"{name}_{k}": v for k, v in made.items()}
