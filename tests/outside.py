"""A method that is in no table, as an author would try one."""

from dataclasses import dataclass

from bench.config import Settings, knob
from bench.method import Method


class Loud(Method):
    @dataclass(frozen=True)
    class Config(Settings):
        loudness: float = knob(1.0, above=0.0)

    def loss(self, out, batch, clock):
        return self.config.loudness * super().loss(out, batch, clock)
