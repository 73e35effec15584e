"""A method that takes its time: MML_TEST_PAUSE seconds a step, which changes no number."""

import os
import time

from bench.method import Method


class Slowly(Method):
    def step(self, batch, optimizer, clock):
        time.sleep(float(os.environ.get("MML_TEST_PAUSE", "0")))
        return super().step(batch, optimizer, clock)
