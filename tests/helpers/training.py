"""Methods on the synthetic data set, built and trained in memory."""

import torch

from bench import configure, execute
from bench.config.experiment import Experiment
from bench.config.spec import TrainConfig
from bench.loading.loaders import OrderedLoader, Source
from bench.methods import ENTRIES
from bench.runs.places import Places
from bench.training.trainer import Evaluation, Trainer

CPU = torch.device("cpu")
SYNTHETIC = "tests.helpers.synthetic:Synthetic"
FAST = {"lr": 0.05, "batch_size": 32}


def rows(modalities=2):
    """The names of all rows of the table on synthetic data, with `unimodal` in full."""
    expanded = []
    for entry in ENTRIES:
        names = [f"{entry.name}-m{i}" for i in range(modalities)] if entry.expand else [entry.name]
        expanded += names
    return expanded


def spec_of(
    name,
    modalities=2,
    epochs=2,
    seed=0,
    split="clean",
    train=None,
    network=None,
    faults=None,
    dataset=SYNTHETIC,
    **settings,
):
    """The RunSpec of one row; a row's own settings give way to `settings`."""
    experiment = Experiment(
        (dataset,),
        ((name, {}),),
        (seed,),
        train={"epochs": epochs} | FAST | (train or {}),
        network=network or {},
        data={"modalities": modalities, "split": split} | (faults or {}),
    )
    (spec,) = configure.specs(experiment)
    spec.settings.update(settings)
    return spec


def trainer_of(spec, **hooks):
    """A Trainer over the spec's method and data, as a run would have it."""
    bundle = execute.open_data(spec, Places(None))
    method = execute.build_method(spec, bundle.spec)
    data = execute.train_data(spec, bundle, CPU)
    loaders = {p: OrderedLoader(Source(s, bundle.spec, CPU)) for p, s in bundle.parts.items()}
    evaluation = Evaluation(loaders.get("val"), loaders["test"])
    return Trainer(method, data, evaluation, spec.train, **hooks)


def fit(name, **options):
    """A trained Trainer."""
    trainer = trainer_of(spec_of(name, **options))
    trainer.train()
    return trainer


def flat(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def config_of(**changes):
    return TrainConfig(**({"epochs": 2} | FAST | changes))
