"""What a data set is trained with by default: YAML files of `train:` and `network:` settings."""

from importlib.resources import files

import yaml


def recipe(name: str) -> dict:
    """The recipe of a data set: `train`, `network`, `seconds_per_epoch`; empty where it has none.

    seconds_per_epoch: of joint training on one CPU core, for estimates only.
    """
    file = files(__name__).joinpath(f"{name}.yaml")
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
