"""From what a user asks for to RunSpecs: names, types, bounds and fits are all checked here, before
anything is written or trained."""

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from bench import datasets, methods, presets
from bench.config.experiment import PREFIXES, Experiment
from bench.config.fixed import acting, check_acting_inputs
from bench.config.outline import outline
from bench.config.settings import Settings, build
from bench.config.spec import NetworkConfig, RunSpec, TrainConfig
from bench.datasets.core.adapters.adapter import Adapter, folded
from bench.datasets.core.recipes import recipe
from bench.errors import UserError, unknown
from bench.loading.faults import check_missing
from bench.networks import DEFAULT_ENCODER, ENCODERS, FUSIONS, RESERVED
from bench.registry import MethodEntry, load, lookup
from bench.types import DatasetSpec


@dataclass(frozen=True)
class MethodRow:
    """A method as one data set has it: its row, its class or the outline of it, what was set on it
    alone, and the preset that all of that is put over."""

    name: str
    entry: MethodEntry
    cls: type
    given: dict[str, object]
    preset: dict[str, object] = field(default_factory=dict)

    @property
    def fixed(self) -> dict[str, object]:
        """What the row itself sets, which nobody else may."""
        modality = self.name.removeprefix(self.entry.name + "-")
        return self.entry.settings | ({self.entry.expand: modality} if self.entry.expand else {})

    @property
    def known(self) -> set[str]:
        return {f.name for f in fields(self.cls.Config)}


def specs(experiment: Experiment) -> list[RunSpec]:
    """All runs that are asked for, in table order: data set, method, fold, seed.

    Raises UserError for whatever is not a name, a value or a combination that works.
    """
    return [s for name, part in experiment.by_dataset() for s in of_dataset(part, name)]


@dataclass(frozen=True)
class Offer:
    """One method as it was asked for on one data set: everything about it but the seed. data: of
    each fold that was asked for."""

    rows: list[MethodRow]
    described: DatasetSpec
    data: list[dict[str, object]]
    train: TrainConfig
    network: NetworkConfig


def of_dataset(experiment: Experiment, name: str) -> list[RunSpec]:
    offers = [offer(experiment, name, *item) for item in experiment.methods]
    check_preset(experiment, name)
    pairs = [(o, row) for o in offers for row in o.rows]
    rows = [row for _, row in pairs]
    check_settings(experiment.settings, rows)
    check_fusion(experiment.network, rows)
    check_acting(experiment.settings, [(row, o.train.epochs) for o, row in pairs])
    found = []
    for o, row in pairs:
        settings = settings_of(row, experiment.settings, o.train.epochs)
        check_fits(row, o.described, o.network)
        check_missing(row.name, row.cls.takes_missing, o.described, o.data[0])
        train = acting(o.train, build(row.cls.Config, settings, name), o.described)
        parts = settings, train, narrowed(row, o.network)
        found += [
            RunSpec(row.name, name, s, *parts, data) for data in o.data for s in experiment.seeds
        ]
    check_acting_inputs(experiment.train, found)
    return found


def changed(spec: RunSpec, described: DatasetSpec) -> dict[str, object]:
    """The settings of a run that are neither the data set's recipe nor its method's defaults."""
    defaults = recipe(lookup(datasets.ENTRIES, spec.dataset, "data set").target)
    (row,) = expanded(spec.method, {}, described)
    train = configured(TrainConfig, defaults.get("train", {}), {}, spec.dataset)
    network = narrowed(row, networks(defaults.get("network", {}), {}, described))
    pairs = (
        ("", spec.settings, settings_of(row, {}, train.epochs)),
        ("train.", asdict(spec.train), asdict(train)),
        ("network.", asdict(spec.network), asdict(network)),
    )
    return {
        prefix + key: value
        for prefix, used, usual in pairs
        for key, value in used.items()
        if value != usual[key]
    }


def open_adapter(name: str, values: Mapping[str, object], root: Path | None) -> Adapter:
    """The data set with these settings, as `complete` fills them, on the raw files at the root."""
    adapter = load(lookup(datasets.ENTRIES, name, "data set").target)
    return adapter(build(adapter.Config, values, name), root)


def offer(experiment: Experiment, name: str, method: str, given: dict[str, object]) -> Offer:
    """The method's rows with their preset under what was set on them; the recipe under both."""
    entry, root = lookup(methods.ENTRIES, method, "method"), experiment.roots.get(name)
    preset = presets.parts(experiment.preset, entry, name)
    target = lookup(datasets.ENTRIES, name, "data set").target
    values = load(target).complete({**preset["data"], **experiment.data}, root)
    adapter = open_adapter(name, values, root)
    described = adapter.describe()
    check_modalities(described)
    defaults = recipe(target)
    train = {**defaults.get("train", {}), **preset["train"]}
    network = {**defaults.get("network", {}), **preset["network"]}
    return Offer(
        [replace(row, preset=preset["settings"]) for row in expanded(method, given, described)],
        described,
        folded(adapter, experiment),
        configured(TrainConfig, train, experiment.train, name),
        networks(network, experiment.network, described),
    )


def check_preset(experiment: Experiment, name: str) -> None:
    """A preset must say something of at least one of the methods on this data set."""
    if not experiment.preset:
        return
    known = presets.read(experiment.preset)
    entries = [lookup(methods.ENTRIES, method, "method") for method, _ in experiment.methods]
    if any(name in known.get(own, {}) for e in entries for own in (e.name, e.base)):
        return
    pairs = ", ".join(f"{m} on {d}" for m, sets in known.items() for d in sets)
    names = ", ".join(method for method, _ in experiment.methods)
    raise UserError(
        f"preset {experiment.preset!r} says nothing of {names} on "
        f"{name}; it has {pairs}. Leave --preset out to use the data set's own recipe."
    )


def configured(cls: type, recipe: Mapping, given: Mapping, dataset: str) -> TrainConfig:
    """The recipe under what the user gave, nothing of which may be idle."""
    config = build(cls, {**recipe, **given}, f"the recipe of {dataset}")
    refuse_idle(config.idle(getattr(config, "epochs", 0)), given, f"the recipe of {dataset}")
    return config


def networks(recipe: Mapping, given: Mapping, data: DatasetSpec) -> NetworkConfig:
    """The network in full: an encoder named for every modality, checked against its kind."""
    encoder = {m: DEFAULT_ENCODER.get(info.kind, "") for m, info in data.modalities.items()}
    for source in (recipe, given):
        for m in source.get("encoder", {}):
            if m not in encoder:
                raise unknown(m, f"a modality of {data.name}", encoder)
        encoder |= source.get("encoder", {})
    for m, info in data.modalities.items():
        check_encoder(m, info.kind, encoder[m])
    merged = {**recipe, **given, "encoder": encoder}
    config = build(NetworkConfig, merged, f"the network for {data.name}")
    if config.fusion not in FUSIONS:
        raise unknown(config.fusion, "a fusion", FUSIONS)
    if config.condition and config.condition not in data.modalities:
        raise unknown(config.condition, f"a modality of {data.name}", data.modalities)
    idle = config.idle(0)
    if not any(ENCODERS[name].free_width for name in encoder.values()):
        idle["dim"] = f"the encoders ({', '.join(encoder.values())}) have a width of their own"
    refuse_idle(idle, given, f"the network for {data.name}")
    return config


def check_encoder(modality: str, kind: str, name: str) -> None:
    fitting = [n for n, e in ENCODERS.items() if kind in e.kinds]
    if not fitting:
        raise UserError(f"there is no encoder yet for {modality!r}, a modality of kind {kind!r}.")
    if name not in fitting:
        raise unknown(name, f"an encoder for {modality!r}, of kind {kind!r}", fitting)


def check_modalities(data: DatasetSpec) -> None:
    """Modules are kept by modality, and torch reserves the names of a module's own attributes."""
    for m in data.modalities:
        if m in RESERVED or m.startswith("_") or "." in m:
            raise UserError(
                f"{m!r} cannot be the name of a modality of {data.name}: torch.nn.ModuleDict has "
                "an attribute of that name; rename the modality."
            )


def expanded(name: str, given: dict, data: DatasetSpec) -> list[MethodRow]:
    """The rows that a method's name stands for on this data set."""
    entry = lookup(methods.ENTRIES, name, "method")
    cls = outline(entry.target) if entry in methods.ENTRIES else load(entry.target)
    if not entry.expand:
        return [MethodRow(name, entry, cls, given)]
    if name == entry.name:
        return [MethodRow(f"{name}-{m}", entry, cls, given) for m in data.modalities]
    modality = name.removeprefix(entry.name + "-")
    if modality not in data.modalities:
        raise unknown(modality, f"a modality of {data.name}", data.modalities)
    return [MethodRow(name, entry, cls, given)]


def check_settings(given: Mapping, rows: list[MethodRow]) -> None:
    """A bare setting must reach a method that has it and does not fix it."""
    for key in given:
        having = [r for r in rows if key in r.known]
        if not having:
            known = sorted({k for r in rows for k in r.known - set(r.fixed)})
            names = ", ".join(dict.fromkeys(r.entry.name for r in rows))
            hint = f"{', '.join(PREFIXES)} settings have a prefix, as in train.lr"
            raise unknown(key, f"a setting of {names}", known, hint)
        if all(key in r.fixed for r in having):
            raise UserError(
                f"{key} is what makes {having[0].name} the row that it is "
                f"({key}={having[0].fixed[key]}); choose the method whose row leaves it open."
            )


def reached(row: MethodRow, common: Mapping) -> dict[str, object]:
    """The common settings that are this row's to take."""
    return {k: v for k, v in common.items() if k in row.known and k not in row.fixed}


def config_of(row: MethodRow, given: Mapping, without: Container[str] = ()) -> Settings:
    """The method's Config: the preset, under what was given, under what the row fixes."""
    open_to = {k: v for k, v in {**row.preset, **given}.items() if k not in without}
    return build(row.cls.Config, {**open_to, **row.fixed}, row.name)


def check_acting(common: Mapping, rows: list[tuple[MethodRow, int]]) -> None:
    """A common setting must act in at least one of the methods that it reaches. rows: each with
    its planned epochs."""
    for key in common:
        reasons = [
            (row.name, config_of(row, {**reached(row, common), **row.given}).idle(epochs).get(key))
            for row, epochs in rows
            if key in reached(row, common)
        ]
        if reasons and all(reason for _, reason in reasons):
            refuse_idle({key: reasons[0][1]}, common, reasons[0][0])


def settings_of(row: MethodRow, common: Mapping, epochs: int) -> dict[str, object]:
    """The method's settings in full. A common one, or the preset's, that cannot act here stays at
    its default."""
    for key in row.given:
        if key in row.fixed:
            raise UserError(f"{key} is fixed at {row.fixed[key]} in {row.name}; it cannot be set.")
    given = {**reached(row, common), **row.given}
    idle = config_of(row, given).idle(epochs)
    refuse_idle(idle, row.given, row.name)
    return asdict(config_of(row, given, without=idle))


def refuse_idle(idle: Mapping[str, str], given: Mapping, owner: str) -> None:
    for key in (k for k in given if k in idle):
        raise UserError(f"{key} of {owner} would have no effect: {idle[key]}; leave it out.")


def check_fusion(given: Mapping, rows: list[MethodRow]) -> None:
    for key in ("fusion", "condition"):
        if key in given and not any(r.cls.uses_fusion for r in rows):
            names = ", ".join(r.name for r in rows)
            raise UserError(f"network.{key} would have no effect: {names} fuse no features.")


def check_fits(row: MethodRow, data: DatasetSpec, network: NetworkConfig) -> None:
    """Raises UserError unless the method can be had on this data set with this fusion."""
    if len(data.modalities) < row.cls.min_modalities:
        raise UserError(
            f"{row.name} needs at least {row.cls.min_modalities} modalities; {data.name} has "
            f"{len(data.modalities)} ({', '.join(data.modalities)})."
        )
    if row.cls.uses_fusion and network.fusion in ("film", "gated") and len(data.modalities) < 2:
        raise UserError(f"fusion {network.fusion} needs two modalities; {data.name} has one.")
    if row.cls.separable and not FUSIONS[network.fusion].separable:
        able = ", ".join(n for n, f in FUSIONS.items() if f.separable)
        raise UserError(
            f"{row.name} needs a fusion whose logits split into shares of the modalities: "
            f"{able}; not {network.fusion!r}. Set network.fusion."
        )


def narrowed(row: MethodRow, network: NetworkConfig) -> NetworkConfig:
    """Without what the method does not use, so that it cannot change the digest."""
    if not row.cls.uses_fusion:
        network = replace(network, fusion=NetworkConfig.fusion, condition=NetworkConfig.condition)
    if row.entry.expand:
        modality = row.fixed[row.entry.expand]
        network = replace(network, encoder={modality: network.encoder[modality]})
    return network
