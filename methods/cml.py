"""CML: taking a modality away must not make the network more confident.

"Calibrating Multimodal Learning", ICML 2023, arXiv 2306.01265.

At every step modalities are taken away one after the other, in a random order of each sample, by
zeroing their features. All answers of that chain learn the class, and where confidence rises along
a link, the fuller answer is pushed up and the poorer one down.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, generator, knob, share


class CML(Method):
    min_modalities = 2
    cost = "the head M times"

    @dataclass(frozen=True)
    class Config(Settings):
        weight: float = knob(0.1, low=0.0)  # lambda, of a sum over the batch; BalanceBenchmark
        start: float = share(0.0)  # first epoch with more than the joint loss; BalanceBenchmark
        end: float = share(1.0)  # last one, inclusive; BalanceBenchmark: after all it trains
        form: str = knob("paper", choices=("paper", "released"))  # of order and hinge

        def idle(self, epochs):
            if round(self.start * epochs) <= min(round(self.end * epochs), epochs - 1):
                return {}
            reason = f"no epoch of the {epochs} planned lies between start and end"
            return dict.fromkeys(("weight", "start", "end", "form"), reason)

    def turns(self, size, clock):
        """When each modality of each sample is taken away, [B, M]: 0 first, M - 1 never.

        From a generator of the step's own on the host, so that every device has the same.
        """
        released = self.config.form == "released"
        draw = generator(self.task.seed, "removal", clock.epoch, 0 if released else clock.step)
        count = len(self.modalities)
        turn = torch.rand(1 if released else size, count, generator=draw).argsort(dim=1)
        return turn.expand(size, -1).to(self.device, non_blocking=True)

    def chain(self, out, turn):
        """f_k, the answers without what has gone by turn k, [M, B, C]."""
        answers = [out.logits]
        for k in range(1, len(self.modalities)):
            here = (turn >= k)[:, :, None].unbind(dim=1)  # [B, 1] each
            features = zip(out.features.items(), here, strict=True)
            answers.append(self.head({m: torch.where(h, z, 0) for (m, z), h in features}))
        return torch.stack(answers)

    def loss(self, out, batch, clock):
        c = self.config
        first, last = (round(s * clock.epochs) for s in (c.start, c.end))
        if not first <= clock.epoch <= last:
            return cross_entropy(out.logits, batch.label)
        chain = self.chain(out, self.turns(len(batch.label), clock))
        learnt = torch.stack([cross_entropy(logits, batch.label) for logits in chain]).mean()
        penalty = released_penalty if c.form == "released" else confidence_penalty
        return learnt + c.weight * penalty(chain)


def rises(chain: Tensor) -> Tensor:
    """How much more confident each answer is than the fuller one before it, chain [M, B, C] ->
    [M - 1, B]: of the most probable class, whichever it is."""
    return chain.softmax(dim=2).amax(dim=2).diff(dim=0)


def confidence_penalty(chain: Tensor) -> Tensor:
    """L_conf: what rises of every sample, summed over links and samples; [M, B, C] -> scalar."""
    return rises(chain).relu().sum()


def released_penalty(chain: Tensor) -> Tensor:
    """BalanceBenchmark's: what the batch's sum rises by, so that falls of other samples pay."""
    return rises(chain).sum(dim=1).relu().sum()
