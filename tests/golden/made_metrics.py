"""Golden files of metrics with other shapes, seeds and modalities, by plain formulas: each function
gives the arrays of one file, key -> array, for modalities `names`."""

from itertools import combinations, pairwise, permutations
from math import log

import numpy as np

from tests.golden.made import against_others, softmax, true_class


def metrics_classification(names, seed):
    rng = np.random.default_rng(seed)
    classes = 6
    labels = rng.integers(classes - 1, size=31)  # one class is absent
    made = {"labels": labels, "n_classes": np.array(classes)}
    for name in ["output", *names]:
        logits = made[f"logits_{name}"] = rng.normal(size=(31, classes)) + np.eye(classes)[labels]
        chosen = [list(row).index(max(row)) for row in logits]
        pairs = list(zip(labels, chosen, strict=True))
        counts = np.array([[pairs.count((y, a)) for a in range(classes)] for y in range(classes)])
        f = [f1(counts, c) for c in range(classes)]
        here = sorted(set(labels))
        ap = [precision(softmax(logits)[:, c], labels == c) for c in here]
        made |= {
            f"acc_{name}": np.mean([a == b for a, b in pairs]),
            f"confusion_{name}": counts,
            f"macro_f1_support_{name}": np.mean([f[c] for c in here]),
            f"macro_f1_seen_{name}": np.mean([f[c] for c in {*here, *chosen}]),
            f"macro_f1_all_classes_{name}": np.mean(f),
            f"weighted_f1_{name}": np.mean([f[y] for y in labels]),
            f"balanced_acc_{name}": np.mean([counts[c, c] / counts[c].sum() for c in here]),
            f"ap_per_class_{name}": np.array([*ap, np.nan]),
            f"map_seen_{name}": np.mean(ap),
            f"map_released_{name}": sum(ap) / classes,
        }
    return made


def f1(counts, c):
    hit, claimed, real = counts[c, c], counts[:, c].sum(), counts[c].sum()
    return 2 * hit / (claimed + real) if hit else 0.0


def precision(scores, positive):
    """Average precision: at each distinct score what recall gains, times the precision there."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        passed = scores >= threshold
        recall = (passed & positive).sum() / positive.sum()
        total += (recall - before) * (passed & positive).sum() / passed.sum()
        before = recall
    return total


def metrics_balance(names, seed):
    rng = np.random.default_rng(seed)
    made = {}
    for case, modalities in (("m2_", [*names][:2]), ("m3_", [*names, "further"][:3])):
        made |= {case + k: v for k, v in fused(rng, modalities).items()}
    both = [rng.normal(size=(9, 3)) for _ in range(2)]
    a, b = ([row / np.sqrt((row**2).sum()) for row in z] for z in both)
    made |= {f"gap_{m}": z for m, z in zip(names, both, strict=False)}
    made["gap_euclid"] = length(np.mean(a, axis=0) - np.mean(b, axis=0))
    made["gap_paired_l2"] = np.mean([length(x - y) for x, y in zip(a, b, strict=True)])
    x, y = (z - z.mean(axis=0) for z in both)
    cross = (x.T @ y, x.T @ x, y.T @ y)
    made["linear_cka"] = length(cross[0]) ** 2 / (length(cross[1]) * length(cross[2]))
    return made


def length(x):
    return np.sqrt((x**2).sum())


def fused(rng, modalities):
    samples, classes, count = 40, 4, len(modalities)
    labels = rng.integers(classes, size=samples)
    bias = rng.normal(size=classes)
    blocks, features = [], []
    for i in range(count):
        blocks.append(rng.normal(size=(classes, 3 + i)))
        features.append(rng.normal(size=(samples, 3 + i)) + blocks[-1][labels])
    parts = [z @ w.T for z, w in zip(features, blocks, strict=True)]
    shares = [part + bias / count for part in parts]

    def worth(held):
        logits = sum((parts[m] for m in held), np.zeros((samples, classes))) + bias
        return np.mean(logits.argmax(axis=1) == labels)

    keys = [3, *(k for k in range(2**count) if k != 3)]
    held = [[m for m in range(count) if k >> m & 1] for k in keys]
    phi = [np.mean(list(joins(m, count, worth))) for m in range(count)]
    pairs = [abs(a - b) for a, b in combinations(phi, 2)]
    everyone = list(range(count))
    whole = worth(everyone)
    lost = [(whole - worth([k for k in everyone if k != m])) / whole for m in everyone]
    score = [true_class(u, labels) for u in shares]
    return {
        **{f"features_{m}": z for m, z in zip(modalities, features, strict=True)},
        "labels": labels,
        "weight": np.concatenate(blocks, axis=1),
        "bias": bias,
        "acc_fused": whole,
        "acc_slice": np.array([np.mean(u.argmax(axis=1) == labels) for u in shares]),
        "acc_zero_feature": np.array([worth([m]) for m in everyone]),
        "subset_keys": np.array(keys),
        "subset_acc": np.array([worth(h) for h in held]),
        "shapley": np.array(phi),
        "imbalance_pair_mean": np.mean(pairs),
        "imbalance_range": max(phi) - min(phi),
        "imbalance_normalised": np.mean(pairs) / sum(abs(p) for p in phi),
        "leave_one_out_utilisation": np.array(lost),
        "true_class_scores": np.array(score),
        "ogm_ratio": np.array(against_others(score)),
        **({"d_util": lost[0] - lost[1]} if count == 2 else {}),
    }


def joins(m, count, worth):
    """What m adds in each order in which the modalities may come."""
    for order in permutations(range(count)):
        before = list(order[: order.index(m)])
        yield worth([*before, m]) - worth(before)


def metrics_calibration(names, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(5, size=60)
    logits = rng.normal(size=(60, 5)) + np.eye(5)[labels]
    probs, reduced = softmax(logits), softmax(logits / 1.5 + 0.4 * rng.normal(size=(60, 5)))
    pairs = [(max(p), list(p).index(max(p)) == y) for p, y in zip(probs, labels, strict=True)]
    ranked = sorted(pairs, key=lambda pair: -pair[0])
    risks = [np.mean([not hit for _, hit in ranked[: k + 1]]) for k in range(60)]
    r = risks[-1]
    confidence, right = (np.array(column) for column in zip(*pairs, strict=True))
    quarters = np.array([[q, 1 - q] for q in (0.5, 0.625, 0.75, 0.875, 1.0, 0.875)])
    edge = [(q[0], y == 0) for q, y in zip(quarters, [0, 1, 0, 1, 0, 0], strict=True)]
    rises = reduced.max(axis=1) - probs.max(axis=1)
    made = {"labels": labels, "logits": logits, "probs": probs, "reduced_probs": reduced}
    made |= {f"ece{n}": gaps(pairs, n)[0] for n in (10, 15)}
    l1, l2, most = gaps(pairs, 15)
    made |= {f"torchmetrics_ece15_{k}": v for k, v in (("l1", l1), ("l2", l2), ("max", most))}
    groups = np.array_split(np.arange(60), 10)
    lowest = ranked[::-1]
    return made | {
        "nll": np.mean([-log(p[y]) for p, y in zip(probs, labels, strict=True)]),
        "brier": np.mean(
            [((p - np.eye(5)[y]) ** 2).sum() for p, y in zip(probs, labels, strict=True)]
        ),
        "aurc": np.mean(risks),
        "e_aurc": np.mean(risks) - (r + (1 - r) * log(1 - r)),
        "aupr_success": precision(confidence, right),
        "fpr_at_95tpr": nearest(confidence, right),
        "edge_probs": quarters,
        "edge_labels": np.array([0, 1, 0, 1, 0, 0]),
        "edge_ece8": gaps(edge, 8)[0],
        "ece_adaptive10": sum(len(g) / 60 * gap([lowest[i] for i in g]) for g in groups),
        "ci": rises,
        "vrr": np.mean(rises > 0),
    }


def gap(pairs):
    return abs(np.mean([hit for _, hit in pairs]) - np.mean([c for c, _ in pairs]))


def gaps(pairs, bins):
    """Mean, root mean square and largest gap over bins (l, r] of equal width."""
    found = []
    for b in range(bins):
        inside = [p for p in pairs if b / bins < p[0] <= (b + 1) / bins]
        if inside:
            found.append((len(inside) / len(pairs), gap(inside)))
    mean = sum(w * g for w, g in found)
    return mean, np.sqrt(sum(w * g * g for w, g in found)), max(g for _, g in found)


def nearest(confidence, right):
    """Share of wrong answers above the threshold that lets nearest to 95 % of the right ones by."""
    best = (1.0, 0.0)
    for threshold in sorted(set(confidence), reverse=True):
        passed = confidence >= threshold
        true, false = (passed & right).sum() / right.sum(), (passed & ~right).sum() / (~right).sum()
        best = min(best, (abs(true - 0.95), false))
    return best[1]


def metrics_robustness(names, seed):
    rng = np.random.default_rng(seed)
    levels = np.arange(9) / 10
    curves = np.sort(rng.uniform(0.2, 0.9, size=(3, 9)))[:, ::-1]
    areas = [sum((a + b) / 2 * 0.1 for a, b in pairwise(c)) for c in curves]
    late = curves[0]
    above = [sum(c - (late + c[0] - late[0])) for c in curves]
    return {
        "noise_levels": levels,
        "curves": curves,
        "relative_raw": np.array(areas),
        "area_trapezoid": np.array(areas),
        "relative_mean_ours": np.array(areas) / 0.8,
        "relative_ours": np.array([a / 0.8 / c[0] for a, c in zip(areas, curves, strict=True)]),
        "effective_raw": np.array(above),
        "effective_ours": np.array(above) / 9,
    }


def metrics_complexity(names, seed):
    """Counted by hand, layer by layer."""
    channels, width, classes, batch, size = 4 + seed, 4 + 2 * len(names), 3, 3, 5
    places = size * size
    conv, tokens = 27 * channels * places, channels * width * places
    head, attended = width * classes, 4 * width * width * places + 2 * width * places * places
    weights = 28 * channels + 2 * channels + (channels + 1) * width + width
    weights += (width + 1) * classes
    made = {"c": channels, "d": width, "n_classes": classes, "batch": batch, "size": size}
    for prefix, extra, more in (
        ("plain_", 0, 0),
        ("attention_", attended, 4 * width * width + 4 * width),
    ):
        macs = batch * (conv + tokens + head + extra)
        # Backward costs twice the forward pass; the input needs no gradient.
        step = 3 * macs - batch * conv
        made |= {f"{prefix}hand_macs": macs, f"{prefix}forward_flops": 2 * macs}
        made |= {f"{prefix}train_step_flops": 2 * step, f"{prefix}params": weights + more}
    hidden = 3 + seed
    made[f"lstm_6_{hidden}_b2_t4_flops"] = 2 * 2 * 4 * 4 * hidden * (6 + hidden)
    return {k: np.array(v) for k, v in made.items()}
