"""Golden files of methods that act on gradients, as made.py makes others."""

import torch
from torch import Tensor

from tests.helpers import reference_agm, reference_mmpareto

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


def mmpareto(names, seed):
    generator = torch.Generator().manual_seed(seed)
    made = {"gamma": number(0.7), "n_pairs": torch.tensor(3), "pair_n_tensors": torch.tensor(2)}
    for k in range(3):
        fused, noise = ([normal(generator, 3, 2), normal(generator, 4)] for _ in range(2))
        own = [(1 - k) * f + n for f, n in zip(fused, noise, strict=True)]
        made |= mmpareto_pair(f"pair{k}_", fused, own)
    return plain(made | mmpareto_step(names, generator))


def mmpareto_pair(prefix, fused, own):
    """All that the file has of one encoder's gradients."""
    weights = reference_mmpareto.weights(fused, own)
    new = [2 * weights[0] * f + 2 * weights[1] * o for f, o in zip(fused, own, strict=True)]
    pairs = zip(new, fused, own, strict=True)
    made = {
        "cos": number(reference_mmpareto.cosine(fused, own)),
        "weights": number(weights),
        "scale": number([reference_mmpareto.factor([n], [f + o]) for n, f, o in pairs]),
    }
    made |= {f"mm{i}": g for i, g in enumerate(fused)} | {f"own{i}": g for i, g in enumerate(own)}
    for name, encoder in (("final", False), ("final_encoder_scope", True)):
        result = reference_mmpareto.final(fused, own, 0.7, encoder)
        made |= {f"{name}{i}": g for i, g in enumerate(result)}
    return {prefix + k: v for k, v in made.items()}


def mmpareto_step(names, generator):
    """One step on encoders tanh(l2(relu(l1(x)))) and linear heads, whose first one is turned."""
    weights, inputs, features = {}, {}, {}
    labels = torch.randint(CLASSES, (BATCH,), generator=generator)
    for i, m in enumerate(names):
        inputs[m] = normal(generator, BATCH, 4 + i)
        for layer, shape in (("l1", (6, 4 + i)), ("l2", (3, 6))):
            weights[f"{m}_net.{layer}.weight"] = normal(generator, *shape)
            weights[f"{m}_net.{layer}.bias"] = normal(generator, shape[0])
    joint = weights["head.weight"] = normal(generator, CLASSES, 3 * len(names))
    weights["head.bias"] = normal(generator, CLASSES)
    for i, (m, block) in enumerate(zip(names, joint.chunk(len(names), dim=1), strict=True)):
        weights[f"head_{m}.weight"] = -block.clone() if i == 0 else block.clone()
        weights[f"head_{m}.bias"] = normal(generator, CLASSES)
    for w in weights.values():
        w.requires_grad_()
    for m, x in inputs.items():
        h = (x @ weights[f"{m}_net.l1.weight"].T + weights[f"{m}_net.l1.bias"]).clamp(min=0)
        features[m] = (h @ weights[f"{m}_net.l2.weight"].T + weights[f"{m}_net.l2.bias"]).tanh()
    z = {"head": torch.cat(list(features.values()), dim=1)}
    z |= {f"head_{m}": f for m, f in features.items()}
    losses = {
        k: reference_mmpareto.mean_cross_entropy(
            x @ weights[f"{k}.weight"].T + weights[f"{k}.bias"], labels
        )
        for k, x in z.items()
    }
    made = {f"x_{m}": x for m, x in inputs.items()} | {"labels": labels}
    made |= {f"param.{k}": w for k, w in weights.items()}
    made["losses"] = torch.stack(list(losses.values()))
    for k, loss in losses.items():
        grads = torch.autograd.grad(
            loss, [weights[f"{k}.{p}"] for p in ("weight", "bias")], retain_graph=True
        )
        made |= {f"grad_final.{k}.{p}": g for p, g in zip(("weight", "bias"), grads, strict=True)}
    for m in names:
        keys = [k for k in weights if k.startswith(f"{m}_net.")]
        both = [
            torch.autograd.grad(losses[k], [weights[n] for n in keys], retain_graph=True)
            for k in ("head", f"head_{m}")
        ]
        pair = mmpareto_pair("", *both)
        made |= {f"cos_{m}_net": pair["cos"], f"weights_{m}_net": pair["weights"]}
        for i, k in enumerate(keys):
            made |= {f"grad_mm.{k}": both[0][i], f"grad_own.{k}": both[1][i]}
            made |= {f"scale.{k}": pair["scale"][i], f"grad_final.{k}": pair[f"final{i}"]}
    return {f"step_{k}": v for k, v in made.items()}


def mslr(names, seed):
    generator = torch.Generator().manual_seed(seed)
    rate, momentum, decay, made = 0.05, 0.9, 1e-4, {}
    for count in {len(names), 3}:
        accuracies = 1 - 0.8 * torch.rand(9, count, generator=generator, dtype=torch.float64)
        factors = torch.ones_like(accuracies)
        for t in range(5, 9):
            factors[t] = accuracies[t] / (sum(accuracies[t - 5 : t]) / 5)
        made |= {f"acc{count}": accuracies, f"agm_ratio{count}": factors}
    params, gradients = normal(generator, len(names), 4), normal(generator, len(names), STEPS, 4)
    coefficients = torch.rand(len(names), generator=generator, dtype=torch.float64)
    made |= {"step_params0": params, "step_grads": gradients, "step_coeff": coefficients}
    ends = []
    for p, steps, k in zip(params, gradients, coefficients, strict=True):
        velocity = 0
        for gradient in steps:
            velocity = momentum * velocity + gradient + decay * p
            p = p - rate * k * velocity
        ends.append(p)
    return plain(made | {"sgd_group": torch.stack(ends)})


def normal(generator, *shape) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def number(value) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def plain(made):
    return {k: v.detach().numpy() for k, v in made.items()}
