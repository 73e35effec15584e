"""DGL: encoders learn from uni-modal losses alone, the fusion head from the fused loss alone.

"Boosting Multimodal Learning via Disentangled Gradient Learning", ICCV 2025, arXiv 2507.10213.

Behind a fusion head an encoder gets a smaller gradient than it would get alone. So the fused loss
does not reach the encoders; what does is what the head says of each modality with the features of
all others zero, in which the head in turn has no part.
"""

from dataclasses import dataclass

from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from bench.method import ReadAlone, Settings, knob

CLIP = 40.0  # most that the norm of the whole gradient is; released code


class DGL(ReadAlone):
    min_modalities = 2
    cost = "1 backward of the head; the head M times more"

    @dataclass(frozen=True)
    class Config(Settings):
        alpha: float = knob(4.0, low=0.0)  # of the uni-modal losses; released code
        fused_to_encoder: bool = False  # the fused loss trains the encoders too
        uni_to_head: bool = False  # the uni-modal losses train the head too

        def idle(self, epochs):
            return {"uni_to_head": "alpha is 0"} if self.alpha == 0 else {}

    def step(self, batch, optimizer, clock):
        out, config = self(batch), self.config
        fused = cross_entropy(out.logits, batch.label)
        alone = config.alpha * sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        encoders, head = list(self.encoders.parameters()), list(self.head.parameters())
        both = encoders + head
        optimizer.zero_grad()
        fused.backward(inputs=both if config.fused_to_encoder else head, retain_graph=True)
        alone.backward(inputs=both if config.uni_to_head else encoders)
        clip_grad_norm_(self.parameters(), CLIP)
        optimizer.step()
        return {"loss": (fused + alone).detach()}
