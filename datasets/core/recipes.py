"""What a data set is trained with by default: `train:` and `network:` in its recipe.yaml."""

from importlib.util import find_spec
from pathlib import Path

from bench.config.text import read_yaml


def recipe(target: str) -> dict:
    """The recipe of a data set: `train`, `network`, `seconds_per_epoch`; empty where it has none.

    target: "module:Class" of its adapter; recipe.yaml lies beside that module, which is not
    imported. seconds_per_epoch: of joint training on one CPU core, for estimates only.
    """
    module = find_spec(target.partition(":")[0])
    file = Path(module.origin).with_name("recipe.yaml") if module and module.origin else None
    if file is None or not file.is_file():
        return {}
    return read_yaml(file)
