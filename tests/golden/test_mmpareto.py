"""MMPareto: weights and magnitudes of pairs of gradients, and a step of the released code."""

import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.mmpareto import MMPareto, flat, pareto_weight, rescaling
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import close, nearly

FILE = "mmpareto.npz"
ANY = Clock(epoch=0, epochs=1, step=0, steps=1)


def pairs(golden):
    """(prefix, fused, own): the gradients of one encoder's tensors by both losses."""
    count, tensors = golden.need("n_pairs", "pair_n_tensors")
    for k in range(count.item()):
        names = [[f"pair{k}_{loss}{i}" for i in range(tensors.item())] for loss in ("mm", "own")]
        yield f"pair{k}_", *(golden.need(*n) for n in names)


def bare(names, classes, **settings):
    spec = DatasetSpec("toy", classes, dict.fromkeys(names, Modality("vector", (1,))))
    return MMPareto(Task(spec, NetworkConfig(dim=1), 0), MMPareto.Config(**settings))


def test_cosines(golden):
    """The file's own: what says which pairs conflict."""
    for prefix, fused, own in pairs(golden):
        close(torch.cosine_similarity(flat(fused), flat(own), dim=0), golden[f"{prefix}cos"])


def test_weights(golden):
    for prefix, fused, own in pairs(golden):
        weight = pareto_weight(flat(fused), flat(own))
        close(torch.stack([weight, 1 - weight]), golden[f"{prefix}weights"])


def test_magnitudes(golden):
    for prefix, fused, own in pairs(golden):
        w = golden[f"{prefix}weights"]
        found = [
            rescaling(2 * (w[0] * f + w[1] * o), f + o) for f, o in zip(fused, own, strict=True)
        ]
        close(torch.stack(found), golden[f"{prefix}scale"])


def test_final_gradients(golden):
    for scope, name in (("tensor", "final"), ("encoder", "final_encoder_scope")):
        method = bare(["one"], 2, gamma=golden["gamma"].item(), rescaled=scope)
        for prefix, fused, own in pairs(golden):
            for i, gradient in enumerate(method.integrated(fused, own)):
                close(gradient, golden[f"{prefix}{name}{i}"])


class Encoder(nn.Module):
    """tanh(l2(relu(l1(x))))."""

    def __init__(self, l1, l2):
        super().__init__()
        self.dim = len(l2)
        self.l1, self.l2 = nn.Linear(*l1.shape[::-1]), nn.Linear(*l2.shape[::-1])

    def forward(self, x):
        return self.l2(self.l1(x).relu()).tanh()


class Step:
    """The file's network in the real MMPareto. Encoders `<m>_net`, heads `head` and `head_*`, both
    in the order of the inputs."""

    def __init__(self, golden):
        self.golden = golden
        inputs = golden.each("step_x_", golden.names("step_x_"))
        nets = golden.names("step_param.", "_net.l1.weight")
        own = golden.names("step_param.head_", ".weight")
        classes = len(golden["step_param.head.bias"])
        method = bare(list(inputs), classes, gamma=golden["gamma"].item())
        for m, net in zip(inputs, nets, strict=True):
            weights = golden.need(*(f"step_param.{net}_net.l{i}.weight" for i in (1, 2)))
            method.encoders[m] = Encoder(*weights)
            method.own[m] = nn.Linear(method.encoders[m].dim, classes)
        method.head.dims = method.dims
        method.head.linear = nn.Linear(sum(method.dims.values()), classes)
        self.nets = {f"{net}_net": method.encoders[m] for m, net in zip(inputs, nets, strict=True)}
        heads = {f"head_{h}": method.own[m] for m, h in zip(inputs, own, strict=True)}
        self.modules = self.nets | heads | {"head": method.head.linear}
        method.to(golden["step_param.head.bias"].dtype)
        with torch.no_grad():
            for name, p in self.parameters().items():
                p.copy_(golden[f"step_param.{name}"])
        labels, (size, *_) = golden["step_labels"], next(iter(inputs.values())).shape
        keep = torch.ones(size, len(inputs), dtype=torch.bool)
        self.method, self.batch = method.train(), Batch(inputs, labels, torch.arange(size), keep)

    def parameters(self):
        """The file's name of a parameter -> the method's."""
        return {f"{k}.{n}": p for k, m in self.modules.items() for n, p in m.named_parameters()}

    def losses(self):
        out = self.method(self.batch)
        logits = [out.logits, *out.unimodal.values()]
        return [nn.functional.cross_entropy(u, self.batch.label) for u in logits]


def test_losses_of_a_step(golden):
    nearly(torch.stack(Step(golden).losses()).detach(), golden["step_losses"])


def test_both_gradients_of_a_step_and_their_weights(golden):
    step = Step(golden)
    fused, *alone = step.losses()
    for loss, (name, encoder) in zip(alone, step.nets.items(), strict=True):
        both = []
        for key, scalar in (("mm", fused), ("own", loss)):
            gradients = torch.autograd.grad(scalar, list(encoder.parameters()), retain_graph=True)
            for (n, _), gradient in zip(encoder.named_parameters(), gradients, strict=True):
                nearly(gradient, golden[f"step_grad_{key}.{name}.{n}"])
            both.append(flat(gradients))
        nearly(torch.cosine_similarity(*both, dim=0), golden[f"step_cos_{name}"])
        weight = pareto_weight(*both)
        nearly(torch.stack([weight, 1 - weight]), golden[f"step_weights_{name}"])


def test_magnitudes_of_a_step(golden):
    for net in golden.names("step_weights_"):
        w = golden[f"step_weights_{net}"]
        for name in golden.names(f"step_scale.{net}."):
            fused, own = golden.need(*(f"step_grad_{k}.{net}.{name}" for k in ("mm", "own")))
            found = rescaling(2 * (w[0] * fused + w[1] * own), fused + own)
            nearly(found, golden[f"step_scale.{net}.{name}"])


def test_final_gradients_of_a_step(golden):
    step = Step(golden)
    step.method.step(step.batch, SGD(step.method.parameters(), lr=0.0), ANY)
    for name, p in step.parameters().items():
        nearly(p.grad, golden[f"step_grad_final.{name}"])
