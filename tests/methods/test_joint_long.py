"""What long joint training controls for: as many updates of each encoder as two stages take."""

import pytest
import torch

from tests.helpers.training import fit, flat, spec_of, trainer_of


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_it_is_joint_training_that_plans_twice_the_epochs(schedule):
    recipe = {"schedule": schedule} | ({"lr_step": 0.5} if schedule == "step" else {})
    ours, theirs = fit("joint-long", epochs=2, train=recipe), fit("joint", epochs=4, train=recipe)
    assert torch.equal(flat(ours.method), flat(theirs.method))
    assert ours.at.steps == theirs.at.steps
    for protocol, kept in theirs.at.kept.items():
        assert ours.at.kept[protocol]["epoch"] == kept["epoch"]
        assert torch.equal(ours.at.kept[protocol]["test"]["logits"], kept["test"]["logits"])


@pytest.mark.parametrize("modalities", [2, 3])
def test_every_encoder_is_updated_as_often_as_in_two_stages(modalities):
    def updates(name):
        trainer = trainer_of(spec_of(name, modalities, epochs=3))
        first = trainer.method.modalities[0]
        networks = [trainer.method.encoders[first]]
        if name == "umt":
            networks.append(trainer.method.teachers[first])
        own = {id(p) for network in networks for p in network.parameters()}
        return sum(s.epochs for s in trainer.plan if own & {id(p) for p in s.parameters()})

    assert updates("joint-long") == updates("umt") == 6
