"""Golden files of methods that act on gradients, as made.py makes others."""

import torch
from torch import Tensor

from tests.helpers import reference_agm

STEPS, BATCH, CLASSES = 3, 4, 3


def agm(names, seed):
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for prefix, hidden in (("plain", 0), ("mixed", 7)):
        made |= {f"{prefix}_{k}": v for k, v in agm_network(len(names), hidden, generator).items()}
    shares = 2 * normal(generator, STEPS, len(names), BATCH, CLASSES)
    labels = torch.randint(CLASSES, (STEPS, BATCH), generator=generator)
    given = {"contrib": shares, "labels": labels, "alpha": number(0.4), "clamp": number(0.3)}
    # In a sum every modality's share is its own term.
    sets = reference_agm.coalitions(range(len(names)))
    sums = [{s: sum(step[i] for i in s) for s in sets} for step in shares]
    given |= agm_steps(sums, labels, 0.4, 0.3)[0]
    made |= {f"core_{k}": v for k, v in given.items()}
    letters = "xyzw"[: len(names)]
    outputs = {s: normal(generator, BATCH, CLASSES) for s in reference_agm.coalitions(letters)}
    key = f"subset{len(letters)}_"
    made |= {key + "".join(sorted(s, key=letters.index)): u for s, u in outputs.items()}
    step = reference_agm.Shares(outputs, labels[0], [0.0] * len(letters), 1, 1.0, 1.0)
    return plain(made | {f"{key}contrib": step.phi})


def agm_network(modalities, hidden, generator):
    """Encoders tanh(x A); [z ..] O + b, or tanh([z ..] H) O + b."""
    widths = [3 + i for i in range(modalities)]
    weights = {
        f"enc.{i}": normal(generator, 6 - i, w).requires_grad_() for i, w in enumerate(widths)
    }
    if hidden:
        weights["H"] = normal(generator, sum(widths), hidden).requires_grad_()
    weights["O"] = normal(generator, hidden or sum(widths), CLASSES).requires_grad_()
    weights["b"] = normal(generator, CLASSES).requires_grad_()
    inputs = [normal(generator, STEPS, BATCH, 6 - i) for i in range(modalities)]
    labels = torch.randint(CLASSES, (STEPS, BATCH), generator=generator)
    names = [str(i) for i in range(modalities)]

    def output(shown, t):
        z = [
            (x[t] * (m in shown)) @ weights[f"enc.{m}"] for m, x in zip(names, inputs, strict=True)
        ]
        z = torch.cat(z, dim=1).tanh()
        return ((z @ weights["H"]).tanh() if hidden else z) @ weights["O"] + weights["b"]

    outputs = [{s: output(s, t) for s in reference_agm.coalitions(names)} for t in range(STEPS)]
    found, steps = agm_steps(outputs, labels, 1.3, 0.5)
    found["contrib"] = torch.stack([s.phi for s in steps])
    found["total"] = found["fused"] = torch.stack([s.fused for s in steps])
    for key, kappa in (("grad", None), ("plain_grad", [1.0] * modalities)):
        grads = [
            s.gradients(o, y, list(weights.values()), kappa)
            for s, o, y in zip(steps, outputs, labels, strict=True)
        ]
        for name, column in zip(weights, zip(*grads, strict=True), strict=True):
            found[f"{key}.{name}"] = torch.stack(column)
    found |= {f"param.{k}": v for k, v in weights.items()}
    found |= {f"x{i}": x for i, x in enumerate(inputs)} | {"labels": labels}
    return found | {"alpha": number(1.3), "clamp": number(0.5)}


def agm_steps(outputs, labels, alpha, clamp):
    """Steps that follow one another: what the file has of all of them, and each."""
    steps, before = [], [0.0] * len([s for s in outputs[0] if len(s) == 1])
    for t, (output, y) in enumerate(zip(outputs, labels, strict=True), 1):
        steps.append(reference_agm.Shares(output, y, before, t, alpha, clamp))
        before = steps[-1].running
    keys = {"nll": "losses", "r": "r", "tau": "tau", "coeff": "kappa", "running": "running"}
    found = {k: torch.stack([number(getattr(s, a)) for s in steps]) for k, a in keys.items()}
    return found, steps


def normal(generator, *shape) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def number(value) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def plain(made):
    return {k: v.detach().numpy() for k, v in made.items()}
