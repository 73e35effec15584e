"""AUG: a modality whose classifier lags behind gets a further block, trained on what is left over.

Jiang et al., "Rethinking Multimodal Learning from the Perspective of Mitigating Classification
Ability Disproportion", NeurIPS 2025, arXiv 2502.20120.

Modalities take turns in every batch. A modality's answer is the sum of its blocks' answers, all by
one output layer that the modalities share; from time to time, who is least sure of the true class
gets another block, by boosting.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Prediction, Settings, generator, knob, share

MOST = 11  # one, and as many as checks every 0.1 of 10, 20, .. epochs can add
WIDTH = 256  # H, units of a block; released code
RATIO = 1.01  # sigma and its tolerance: a lead in scores beyond it makes the last one grow
FIRST = 0.4  # the first modality's weight in the released answer; the others share the rest


class AUG(Method):
    has_own_heads = True
    uses_fusion = False
    min_modalities = 2
    cost = "none; M optimizer steps; blocks of 256 units, more as it grows"

    @dataclass(frozen=True)
    class Config(Settings):
        weight: float = knob(0.5, low=0.0, high=1.0)  # lambda, of what earlier blocks explain
        every: float = share(0.1)  # between two checks, of the planned epochs; released code
        most: int = knob(MOST, low=1, high=100)  # blocks of a modality
        train_blocks: bool = True  # further blocks learn; the released optimizer lacks them
        merge: str = knob("equal", choices=("equal", "released"))  # weights of the answer

        def idle(self, epochs):
            checks = sum(self.checks(e, epochs) for e in range(epochs))
            growth = ("weight", "every", "train_blocks")
            if not checks:
                reason = f"no check falls before the last of the {epochs} planned epochs"
                return dict.fromkeys((*growth, "most"), reason)
            if self.most == 1:
                return dict.fromkeys(growth, "most is 1, so that no modality grows")
            reason = f"no more than {checks} checks fit into the {epochs} planned epochs"
            return {"most": reason} if min(self.most, MOST) > checks else {}

        def checks(self, epoch: int, epochs: int) -> bool:
            """Whether there is one at the end of this epoch: the first, and every so many."""
            between = max(1, int(self.every * epochs + 1e-9))
            return epoch < epochs - 1 and (epoch == 0 or (epoch + 1) % between == 0)

    def __init__(self, task, config):
        super().__init__(task, config)
        self.blocks = nn.ModuleDict(
            {
                m: nn.ModuleList(self.block(m, t) for t in range(config.most))
                for m in self.modalities
            }
        )
        self.grown = dict.fromkeys(self.modalities, 1)  # n_m, blocks in use
        self.register_buffer("scores", torch.zeros(len(self.modalities)))  # of the epoch, sums

    def block(self, modality, t):
        """Block t of a modality, there from the start: growing draws nothing and leaves the
        optimizer as it is. Xavier normal with zero bias."""
        layer = self.task.linear(self.dims[modality], WIDTH, f"block {t} of {modality}")
        draw = generator(self.task.seed, "block", modality, t)
        nn.init.xavier_normal_(layer.weight, generator=draw)
        nn.init.zeros_(layer.bias)
        return layer

    def build_head(self):
        return self.task.head(WIDTH, "shared head")

    def get_extra_state(self):
        return torch.tensor(list(self.grown.values()))

    def set_extra_state(self, state):
        self.grown = dict(zip(self.modalities, state.tolist(), strict=True))

    def stages(self, epochs):
        (train,) = super().stages(epochs)
        if self.config.train_blocks:
            return [train]
        resting = {id(p) for b in self.blocks.values() for p in b[1:].parameters()}
        return [replace(train, params=[p for p in train.params if id(p) not in resting])]

    def start_epoch(self, data, clock):
        if clock.epoch and self.config.checks(clock.epoch - 1, clock.epochs):
            weak = growing(self.scores)
            if weak >= 0 and self.grown[self.modalities[weak]] < self.config.most:
                self.grown[self.modalities[weak]] += 1
        self.scores.zero_()

    def answers(self, modality, z):
        """o_mt, what each block in use says, [n, B, C]."""
        blocks = self.blocks[modality][: self.grown[modality]]
        return torch.stack([self.head(block(z).relu()) for block in blocks])

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.answers(m, z).sum(dim=0) for m, z in features.items()}
        return Prediction(merged(unimodal, self.config.merge), unimodal, features)

    def step(self, batch, optimizer, clock):
        losses = []
        for i, m in enumerate(self.modalities):
            answers = self.answers(m, self.feature(batch, m) * batch.kept(m))
            loss = boosted(answers, batch.label, self.config.weight)
            optimizer.zero_grad()  # to None: what has no turn does not move, by momentum either
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            self.scores[i] += true_class(answers.detach().sum(dim=0), batch.label).sum()
        return {"loss": torch.stack(losses).mean()}

    def learned(self, loader):
        return [{"title": "Blocks of a modality", "unit": "blocks", "values": dict(self.grown)}]


def true_class(logits: Tensor, label: Tensor) -> Tensor:
    """The probability of each sample's own class: [B, C], [B] -> [B]."""
    return logits.softmax(dim=1).gather(1, label[:, None])[:, 0]


def boosted(answers: Tensor, label: Tensor, weight: float) -> Tensor:
    """L_m of one modality's blocks, answers [n, B, C] -> scalar: the cross-entropy of their sum;
    with several also of the sum without the last, and of the last, each sample by its residual."""
    loss = cross_entropy(answers.sum(dim=0), label)
    if len(answers) == 1:
        return loss
    before = answers[:-1].sum(dim=0)
    alone = cross_entropy(answers[-1], label, reduction="none")
    rest = (residual(before, label, weight) * alone).mean()
    return loss + cross_entropy(before, label) + rest


@torch.no_grad()
def residual(before: Tensor, label: Tensor, weight: float) -> Tensor:
    """R of each sample's own class, [B]: 1 - lambda times the probability that earlier blocks give
    it, of their summed logits `before` [B, C]. Of all other classes R is 0."""
    return 1 - weight * true_class(before, label)


def merged(unimodal: dict[str, Tensor], merge: str) -> Tensor:
    """The answer [B, C], a weighted sum of each modality's; as released, the first weighs 0.4 and
    the others 0.6 together (ours for more than two)."""
    stack, rest = torch.stack(list(unimodal.values())), len(unimodal) - 1
    if merge == "equal":
        return stack.mean(dim=0)
    return FIRST * stack[0] + (1 - FIRST) / rest * stack[1:].sum(dim=0)


def growing(scores: Tensor) -> int:
    """The modality of the lowest of scores [M], the first of equals, if the highest is more than
    RATIO times as high; else -1."""
    weak = scores.argmin()
    return int(torch.where(scores.max() > RATIO * scores[weak], weak, -1))
