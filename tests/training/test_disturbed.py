"""How much one seed of the embedded data says: last bits of the weights move nothing by a point."""

import pytest
import torch

from bench import configure
from bench.config.experiment import Experiment
from tests.helpers.training import trainer_of

SMALLEST = 1e-7  # of the order of a weight's last bit
LIMIT = 0.01


def accuracies(method, generator=None):
    """Test accuracy of the answer and of each head; a generator disturbs the initial weights."""
    (spec,) = configure.specs(Experiment(("digits",), ((method, {}),), (0,)))
    torch.manual_seed(0)
    trainer = trainer_of(spec)
    if generator is not None:
        with torch.no_grad():
            for p in trainer.method.parameters():
                p += SMALLEST * torch.randn(p.shape, generator=generator)
    trainer.train()
    test = trainer.at.kept["val"]["test"]
    return torch.tensor([test["accuracy"], *test["unimodal_accuracy"].values()])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["joint", "unimodal-right", "dimml"])
def test_last_bits_of_the_initial_weights_move_no_result_by_a_point(method):
    starts = [None, *(torch.Generator().manual_seed(k) for k in (1, 2))]
    scores = torch.stack([accuracies(method, start) for start in starts])
    assert (scores.amax(dim=0) - scores.amin(dim=0)).max() < LIMIT
