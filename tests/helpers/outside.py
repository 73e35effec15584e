"""Methods that are in no table, as an author would try them."""

from dataclasses import dataclass, replace

from bench.method import Method, Settings, knob


class Loud(Method):
    @dataclass(frozen=True)
    class Config(Settings):
        loudness: float = knob(1.0, above=0.0)

    def loss(self, out, batch, clock):
        return self.config.loudness * super().loss(out, batch, clock)


class Crossed(Method):
    """Its encoders see one another: each feature is scaled by the others' mean."""

    independent_encoders = False

    def encode(self, batch):
        plain = super().encode(batch)
        total = sum(z.mean(dim=1, keepdim=True) for z in plain.values())
        return {m: z * (1 + total - z.mean(dim=1, keepdim=True)) for m, z in plain.items()}


class PastFeature(Method):
    """Reads its encoders past `feature`, and does not say so."""

    def predict(self, batch):
        features = {m: self.encoders[m](batch.inputs[m]) for m in self.modalities}
        return replace(super().predict(batch), logits=self.head(features))


class PastEncoders(Method):
    """Reads its inputs past the encoders, and does not say so."""

    def predict(self, batch):
        out = super().predict(batch)
        seen = sum(x.mean(dim=1, keepdim=True) for x in batch.inputs.values())
        return replace(out, logits=out.logits * (1 + seen))
