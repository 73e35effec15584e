"""One epoch of joint training on a tiny copy, in this process, on pictures of 32 pixels."""

from pathlib import Path

from bench import configure
from bench.config.experiment import Experiment
from bench.datasets.core.adapters import audiovisual
from bench.execute import execute
from bench.runs.places import Places
from tests.helpers.kills import start


def short_run(
    monkeypatch, dataset: str, root: Path, cache: Path, results: Path, **data: object
) -> dict:
    """The result of the run. data: settings of the data set."""
    monkeypatch.setattr(audiovisual, "SIZE", (32, 32))
    experiment = Experiment(
        (dataset,),
        (("joint", {}),),
        (0,),
        train={"epochs": 1, "batch_size": 4},
        network={"encoder": {"audio": "cnn"}},
        data=data,
        roots={dataset: root},
    )
    (spec,) = configure.specs(experiment)
    run = start(results, spec)
    execute(run, Places(cache, {dataset: root}, "cpu"))
    return run.result_json()
