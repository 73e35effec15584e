"""G2D: learn from uni-modal teachers, and first the modality whose teacher is the weakest.

"G2D: Boosting Multimodal Learning with Gradient-Guided Distillation", ICCV 2025, arXiv 2506.21514.

One network per modality is trained alone first. Then the student's features are drawn to theirs and
its fused answer to their answers, while in the first part of the epochs one encoder at a time
learns, undisturbed by the others (sequential modality prioritization, SMP). The answer is the mean
of the modalities' own heads, late fusion, which the paper finds the best.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, mse_loss

from bench.method import Method, Prediction, Settings, Stage, each_alone, knob, share


class G2D(Method):
    has_own_heads = True
    uses_fusion = False
    min_modalities = 2
    cost = "1 forward without gradient; before, a training of each modality"

    @dataclass(frozen=True)
    class Config(Settings):
        alpha: float = knob(1.0, low=0.0)  # of the distances to the teachers' features
        beta: float = knob(1.0, low=0.0)  # of the divergences from the teachers' answers
        temperature: float = knob(1.0, above=0.0)  # tau of the answers that are compared
        prioritized: float = share(150 / 300)  # part of the epochs with SMP, as for CREMA-D

        def idle(self, epochs):
            return {} if self.beta else {"temperature": "beta is 0"}

    def __init__(self, task, config):
        super().__init__(task, config)
        # Like the network of `unimodal`, from the same start; none where they would never be used.
        used = config.alpha or config.beta or config.prioritized
        self.teachers = task.encoders() if used else nn.ModuleDict()
        self.teacher_heads = task.heads(self.dims if used else {})

    def build_head(self):
        return self.task.heads(self.dims)

    def stages(self, epochs):
        alone = each_alone(self, epochs, self.teachers, self.teacher_heads, "teacher {}")
        student = Stage(
            "student",
            epochs,
            [*self.encoders.parameters(), *self.head.parameters()],
            self.step,
            answer=self.predict,
            frozen=[self.teachers, self.teacher_heads],
        )
        return [*alone, student]

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.head[m](z) for m, z in features.items()}
        return Prediction(torch.stack(list(unimodal.values())).mean(dim=0), unimodal, features)

    @torch.no_grad()
    def taught(self, batch):
        """The teachers' features and logits, modality -> [B, D] and [B, C]."""
        features = {m: self.through(t, batch.inputs[m]) for m, t in self.teachers.items()}
        return features, {m: self.teacher_heads[m](z) for m, z in features.items()}

    def step(self, batch, optimizer, clock):
        out = self(batch)
        loss, metrics = cross_entropy(out.logits, batch.label), {}
        features, answers = self.taught(batch)
        if self.teachers:
            apart = distances(out.features, features)
            against = divergences(out.logits, answers, self.config.temperature)
            loss = loss + self.config.alpha * apart.sum() + self.config.beta * against.sum()
            metrics = {f"distance {m}": d for m, d in zip(features, apart.detach(), strict=True)}
        optimizer.zero_grad()
        loss.backward()
        part = turn(
            clock.epoch, len(self.modalities), round(self.config.prioritized * clock.epochs)
        )
        if part is not None:
            alone = weakest_first(scores(answers, batch.label))[part]
            suppress(self.encoders.values(), alone)
        optimizer.step()
        return metrics | {"loss": loss.detach()}

    def learned(self, loader):
        unit = "mean square of features"
        return [
            {"title": f"To the teacher of {m}", "unit": unit, "logged": f"distance {m}"}
            for m in self.teachers
        ]


def distances(features: dict[str, Tensor], taught: dict[str, Tensor]) -> Tensor:
    """Mean over batch and dimensions of (z_m - t_m)^2: modality -> [B, D_m] each, to [M]."""
    return torch.stack([mse_loss(z, taught[m]) for m, z in features.items()])


def divergences(logits: Tensor, taught: dict[str, Tensor], temperature: float) -> Tensor:
    """tau^2 KL(softmax(v_m / tau) || softmax(f / tau)), the batch's mean, [M].

    logits: f [B, C], the student's fused answer. taught: v_m, modality -> [B, C].
    """
    ours = (logits / temperature).log_softmax(dim=1)
    theirs = [(v / temperature).log_softmax(dim=1) for v in taught.values()]
    apart = [kl_div(ours, v, reduction="batchmean", log_target=True) for v in theirs]
    return temperature**2 * torch.stack(apart)


def scores(taught: dict[str, Tensor], label: Tensor) -> Tensor:
    """r_m, the mean probability that each teacher gives the true class: v_m [B, C] -> [M]."""
    probs = torch.stack(list(taught.values())).softmax(dim=2)  # [M, B, C]
    return probs.gather(2, label.expand(len(probs), -1)[:, :, None]).mean(dim=(1, 2))


def weakest_first(score: Tensor) -> Tensor:
    """Modalities' places from the lowest score [M] to the highest, [M]; a tie keeps their order."""
    return score.argsort(stable=True)


def turn(epoch: int, modalities: int, prioritized: int) -> int | None:
    """q, the rank from the weakest of the one encoder that learns in this epoch; None if all do.

    prioritized: n, the first epochs, of which every rank but the strongest has an equal part (ours;
    the paper tunes each).
    """
    return epoch * (modalities - 1) // prioritized if epoch < prioritized else None


def suppress(encoders: Iterable[nn.Module], learner: Tensor) -> None:
    """Zeroes every encoder's gradients but those of the one at place `learner`, a scalar.

    To zero, not to None, as released: weight decay and momentum still move the weights. The
    released code spares biases and batch norms.
    """
    for i, encoder in enumerate(encoders):
        for p in encoder.parameters():
            if p.grad is not None:
                p.grad.mul_(learner == i)
