"""Joint training for twice the planned epochs, on a schedule of that length.

A control, from no paper. A method that trains each modality alone for the planned epochs and all of
them together for as many updates every encoder so often, however many modalities there are.
"""

from dataclasses import replace

from bench.method import Method


class JointLong(Method):
    cost = "none; twice as many epochs"

    def stages(self, epochs):
        (train,) = super().stages(2 * epochs)
        return [replace(train, schedule=2 * epochs)]
