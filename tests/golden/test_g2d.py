"""G2D: answers, both distillation terms, the loss and its gradients; teachers' scores, the order of
modalities, what each part of the epochs lets learn, and its schedules."""

import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods.g2d import G2D, distances, divergences, scores, suppress, turn, weakest_first
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import close

FILE = "g2d.npz"
SCHEDULES = {"m2": (2, 0.5), "m3": (3, 0.5), "odd": (3, 0.4), "none": (2, 0.0)}  # M, share


class Case:
    """The file's heads in a method that has the file's features and teachers."""

    def __init__(self, golden, case):
        self.golden, self.case = golden, case
        names = golden.names(f"{case}_features_")
        self.features = {
            m: z.requires_grad_() for m, z in golden.each(f"{case}_features_", names).items()
        }
        self.taught = tuple(
            golden.each(f"{case}_teacher_{what}_", names) for what in ("features", "logits")
        )
        weights, biases = (golden.each(f"{case}_{k}_", names) for k in ("weight", "bias"))
        label, alpha, beta, self.tau = self.need("labels", "alpha", "beta", "tau")
        inputs = dict.fromkeys(names, Modality("vector", (1,)))
        spec = DatasetSpec("toy", len(biases[names[0]]), inputs)
        config = G2D.Config(alpha.item(), beta.item(), self.tau.item(), prioritized=0.0)
        self.method = G2D(Task(spec, NetworkConfig(dim=1), 0), config).double()
        heads = {m: nn.Linear(w.shape[1], len(w)).double() for m, w in weights.items()}
        for m, head in heads.items():
            head.load_state_dict({"weight": weights[m], "bias": biases[m]})
        self.method.head = nn.ModuleDict(heads)
        self.method.encode = lambda batch: self.features
        self.method.taught = lambda batch: self.taught
        keep = torch.ones(len(label), len(names), dtype=torch.bool)
        self.batch = Batch({}, label, torch.arange(len(label)), keep)
        self.out = self.method(self.batch)

    def need(self, *keys):
        return self.golden.need(*(f"{self.case}_{k}" for k in keys))

    def check(self, actual, key):
        close(actual.detach(), *self.need(key))


def cases_of(golden):
    return [Case(golden, name) for name in golden.names("", "_labels")]


def test_answers_and_terms(golden):
    for case in cases_of(golden):
        case.check(torch.stack(list(case.out.unimodal.values())), "logits_uni")
        case.check(case.out.logits, "logits_fused")
        case.check(nn.functional.cross_entropy(case.out.logits, case.batch.label), "loss_task")
        features, logits = case.taught
        case.check(distances(case.features, features), "loss_feature")
        case.check(divergences(case.out.logits, logits, case.tau.item()), "loss_logit")


def test_a_step(golden):
    for case in cases_of(golden):
        heads = case.method.head
        optimizer = SGD([*heads.parameters(), *case.features.values()], lr=0.0)
        report = case.method.step(case.batch, optimizer, Clock(0, 1, 0, 1))
        case.check(report["loss"], "total")
        for m, z in case.features.items():
            case.check(z.grad, f"grad_{m}")
            case.check(heads[m].weight.grad, f"grad_weight_{m}")
            case.check(heads[m].bias.grad, f"grad_bias_{m}")


def test_order_and_who_learns(golden):
    for case in cases_of(golden):
        score = scores(case.taught[1], case.batch.label)
        case.check(score, "teacher_score")
        case.check(scores(case.out.unimodal, case.batch.label), "student_score")
        order = weakest_first(score)
        assert torch.equal(order, *case.need("order"))
        factors = torch.stack([left(learner, len(order)) for learner in order])
        case.check(factors, "keep_by_rank")
        if len(order) == 2:
            case.check(factors[0], "ref_coefficients")


def left(learner, count):
    """What is left of gradients of 1 of so many encoders where one learns, [M]."""
    encoders = [nn.Linear(1, 1, bias=False).double() for _ in range(count)]
    for encoder in encoders:
        encoder.weight.grad = torch.ones_like(encoder.weight)
    suppress(encoders, learner)
    return torch.cat([encoder.weight.grad[0] for encoder in encoders])


def test_schedules(golden):
    for name, (modalities, share) in SCHEDULES.items():
        expected = golden[f"schedule_{name}"].tolist()
        epochs = len(expected)
        parts = [turn(epoch, modalities, round(share * epochs)) for epoch in range(epochs)]
        assert [-1 if part is None else part for part in parts] == expected, name
