"""A golden file of InfoReg of other shapes, seeds and modalities, by plain formulas."""

import math

import numpy as np

from tests.golden.made import softmax

BETA, CLASSES, BATCH, CASES = 0.6, 3, 5, 3


def inforeg(names, seed):
    rng = np.random.default_rng(seed)
    made = {"beta": np.array(BETA)}
    for name, count in (("two", len(names)), ("three", len(names) + 1)):
        made |= {f"{name}_{k}": v for k, v in cases(rng, count).items()}
    made.pop("three_beta_released")
    made |= windows(rng, len(names))
    alpha, value = 1.7, 0.0
    for i, shape in enumerate([(2, 3), (4,)]):
        weight, anchor = rng.normal(size=shape), rng.normal(size=shape)
        made |= {f"reg_w{i}": weight, f"reg_anchor{i}": anchor}
        made[f"reg_grad{i}"] = alpha * (weight - anchor)
        value += alpha / 2 * ((weight - anchor) ** 2).sum()
    made |= {"reg_alpha": np.array(alpha), "reg_value": np.array(value)}
    gradients = [rng.normal(size=(4, *shape)) for shape in ((3, 2), (5,), (2, 2, 2))]
    made |= {f"trace_grads{i}": g for i, g in enumerate(gradients)}
    made["trace_batch_sqnorm"] = np.array(sum((g**2).sum() for g in gradients) / 4)
    entries = [(g**2).sum(axis=0).mean() for g in gradients if g.ndim > 2]
    return made | {"trace_released": np.array(sum(entries))}


def cases(rng, count):
    logits = 2 * rng.normal(size=(CASES, count, BATCH, CLASSES))
    logits[1, 1] = logits[1, 0]  # a tie of two
    labels = rng.integers(CLASSES, size=(CASES, BATCH))
    found = {k: [] for k in ("score", "prob_sum", "gap", "alpha", "active", "beta_released")}
    for several, label in zip(logits, labels, strict=True):
        true = [[softmax(row)[y] for row, y in zip(u, label, strict=True)] for u in several]
        score = [sum(math.log(p) for p in probs) / BATCH for probs in true]
        summed = [sum(probs) for probs in true]
        gap, released = mean_lead(score), mean_lead(summed)
        found["score"].append(score)
        found["prob_sum"].append(summed)
        found["gap"].append(gap)
        found["alpha"].append([math.exp(BETA * math.tanh(g)) for g in gap])
        found["active"].append([g > 0 for g in gap])
        found["beta_released"].append(
            [
                (0.1 if i else 0.95) * math.exp(math.tanh(g)) * (g > 0)
                for i, g in enumerate(released)
            ]
        )
    return {"logits": logits, "labels": labels} | {k: np.array(v) for k, v in found.items()}


def mean_lead(score):
    behind = [[s - t for t in score if t < s] for s in score]
    return [sum(b) / len(b) if b else 0.0 for b in behind]


def windows(rng, count):
    trace = rng.uniform(0.5, 1.5, size=(13, count))
    trace[3] = trace[2] / 0.85  # a rate of 0.15, just above the threshold
    rate = np.zeros_like(trace)
    for e in range(2, len(trace)):
        rate[e] = (trace[e - 1] - trace[e - 2]) / trace[e - 1]
    padded, k = [0.0] * 11 + trace[:, 0].tolist(), [1.0]
    for e in range(1, len(trace)):
        now, before = (sum(padded[e + i : e + i + 10]) / 10 for i in (1, 0))
        k.append((now - before) / now)
    made = {"window_trace": trace, "window_K": np.array(0.1), "window_rate": rate}
    made |= {"window_open": rate > 0.1, "window_k_released": np.array(k)}
    return made | {"window_open_released": np.array(k) > 0.05}
