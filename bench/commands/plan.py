"""The stages of a method in words."""

from collections import Counter

from bench import configure
from bench.config.experiment import Experiment
from bench.config.spec import BEST
from bench.configure import open_adapter
from bench.execute import build_method
from bench.method import Method, Stage


def describe(experiment: Experiment) -> list[str]:
    """Lines for every method that is asked for, whose seeds and folds have one plan; ends with an
    empty one."""
    lines, first = [], {}
    for spec in configure.specs(experiment):
        first.setdefault((spec.dataset, spec.method), spec)
    for spec in first.values():
        adapter = open_adapter(spec.dataset, spec.data, experiment.roots.get(spec.dataset))
        method = build_method(spec, adapter.describe())
        lines.append(f"{spec.method} on {spec.dataset}, {spec.train.epochs} planned epochs")
        for stage in method.stages(spec.train.epochs):
            lines += stage_lines(method, stage, spec.train.selection)
        lines += [f"  settings: {words(spec.settings)}", ""]
    return lines


def stage_lines(method: Method, stage: Stage, selection: str) -> list[str]:
    """What one stage does: its epochs, what it trains, what rests, how it answers."""
    if not stage.epochs:
        return [f"  {stage.name}: trains nothing, is scored once"]
    lines = [f"  {stage.name}: {stage.epochs} epochs"]
    lines.append(f"    trains {parts(method, set(map(id, stage.parameters())))}")
    if stage.answer is None:
        lines.append("    prepares only: not scored")
    elif stage.select:
        picks = "validation selects" if selection == BEST else "its last epoch leaves"
        lines.append(f"    ends with the weights that {picks}")
    return lines


def parts(method: Method, trained: set[int]) -> str:
    """Modules with parameters in the set, two levels deep, and how many parameters."""
    counts: Counter[str] = Counter()
    for name, p in method.named_parameters():
        if id(p) in trained:
            counts[".".join(name.split(".")[:2])] += p.numel()
    merged: Counter[str] = Counter()
    for name, count in counts.items():
        top = name.split(".")[0]
        merged[name if hasattr(getattr(method, top), "keys") else top] += count
    listed = ", ".join(f"{name} ({count:,})" for name, count in merged.items())
    return f"{listed}; {sum(merged.values()):,} parameters"


def words(settings: dict[str, object]) -> str:
    return (
        ", ".join(
            f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in settings.items()
        )
        or "none"
    )
