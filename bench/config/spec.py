"""RunSpec: everything that decides what a run computes, as plain values, and its digest."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from bench import FORMAT
from bench.config.settings import Settings, build, knob
from bench.errors import UserError, unknown

PORTABLE, NATIVE = "portable", "native"  # see bench.runs.arithmetic
FP32, BF16, AUTO = "fp32", "bf16", "auto"
VAL, LAST, TEST_BEST = "val", "last", "test-best"
BEST = "best"
DRAWN, FIXED = "drawn", "fixed"
# TrainConfig, when there was no choice.
BEFORE = {"arithmetic": NATIVE, "selection": BEST, "frozen_inputs": DRAWN}
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
PROTOCOLS = {  # ways of reading one training run, in words for captions
    VAL: "the epoch chosen on validation",
    LAST: "the last epoch",
    TEST_BEST: "the best epoch on test, which is optimistic",
}


@dataclass(frozen=True)
class TrainConfig(Settings):
    """The recipe. The defaults are the field's: OGM-GE's released code, which most papers copy."""

    epochs: int = knob(100, low=1, high=1_000_000)
    batch_size: int = knob(64, low=2, high=1_000_000)
    optimizer: str = knob("sgd", choices=("sgd", "adamw"))
    lr: float = knob(1e-3, above=0.0, high=1e6)
    momentum: float = knob(0.9, low=0.0, high=1.0)  # of sgd
    weight_decay: float = knob(1e-4, low=0.0, high=1e6)
    schedule: str = knob("step", choices=("step", "cosine", "constant"))
    lr_step: float = knob(70 / 100, above=0.0)  # share of the planned epochs between two drops
    lr_gamma: float = knob(0.1, above=0.0, high=1e6)  # factor of each drop
    # bf16: autocast in the encoders; auto: bf16 where it pays, see bench.training.numerics.
    precision: str = knob(FP32, choices=(FP32, BF16, AUTO))
    # Of the CPU; part of the spec, since it can change the last bits.
    threads: int = knob(1, low=1, high=1024)
    arithmetic: str = knob(PORTABLE, choices=(PORTABLE, NATIVE))  # of the CPU
    # The epoch whose weights a stage ends with, and which `val` reads.
    selection: str = knob(BEST, choices=(BEST, LAST))  # best: by accuracy on validation
    test_curve: bool = True  # score test after every answered epoch of the last stage
    # Of a stage whose encoders are frozen: drawn anew in every epoch, or in all as in its first, so
    # that each sample is encoded once.
    frozen_inputs: str = knob(DRAWN, choices=(DRAWN, FIXED))

    def idle(self, epochs):
        reasons = {}
        if self.optimizer != "sgd":
            reasons["momentum"] = f"{self.optimizer} has none"
        if self.schedule != "step":
            reasons["lr_step"] = reasons["lr_gamma"] = f"the schedule is {self.schedule}"
        elif self.lr_step >= 1:
            reasons["lr_gamma"] = "lr_step puts the first drop after the last epoch"
        return reasons


@dataclass(frozen=True)
class NetworkConfig(Settings):
    """Encoders and fusion, shared by all methods."""

    fusion: str = "concat"
    condition: str = ""  # the modality that film and gated condition on; empty: the first
    dim: int = knob(64, low=1, high=2**14)  # feature width of encoders whose width is free
    encoder: dict[str, str] = field(default_factory=dict)  # modality -> encoder; else its kind's

    def idle(self, epochs):
        if self.fusion in ("concat", "sum"):
            return {"condition": f"fusion {self.fusion} conditions on no modality"}
        return {}


@dataclass(frozen=True)
class RunSpec:
    """One run. Everything but the seed is the configuration, which the digest names."""

    method: str
    dataset: str
    seed: int
    settings: dict[str, object]  # of the method, in full
    train: TrainConfig
    network: NetworkConfig
    data: dict[str, object]  # of the data set, in full

    def to_json(self) -> dict[str, object]:
        """Without what is as it was before there was a choice."""
        train = {k: v for k, v in vars(self.train).items() if k not in BEFORE or v != BEFORE[k]}
        parts = {"train": train, "network": dict(vars(self.network))}
        return {"format": FORMAT, **vars(self), **parts}

    @property
    def digest(self) -> str:
        """12 hex digits of SHA-256 over the canonical JSON without the seed."""
        plain = {k: v for k, v in self.to_json().items() if k != "seed"}
        return digest_of(plain)

    @property
    def unfolded(self) -> str:
        """The same for all folds of a configuration, see `unfolded`."""
        return unfolded(self.to_json(), self.digest)


def digest_of(plain: Mapping[str, object]) -> str:
    return hashlib.sha256(CANONICAL.encode(plain).encode()).hexdigest()[:12]


def unfolded(plain: Mapping[str, object], digest: str) -> str:
    """A digest of what `RunSpec.to_json` wrote, without the seed and the fold. digest: with the
    fold; the same where there is none."""
    if "fold" not in plain["data"]:
        return digest
    data = {k: v for k, v in plain["data"].items() if k != "fold"}
    return digest_of({k: v for k, v in plain.items() if k != "seed"} | {"data": data})


def fold_of(data: Mapping[str, object]) -> int:
    """The fold that the settings of a data set name; 0 where they name none."""
    return data.get("fold", 0)


def check_protocols(protocols: Iterable[str]) -> None:
    """Raises UserError for a name that is not a protocol."""
    for name in protocols:
        if name not in PROTOCOLS:
            raise unknown(name, "a protocol", PROTOCOLS)


def check_format(plain: Mapping[str, object], where: str | Path) -> None:
    """Raises UserError if what was read there is of another format version."""
    version = plain.get("format")
    if version != FORMAT:
        raise UserError(
            f"{where} is of format version {version!r}, this code reads {FORMAT}; "
            "use the version of mml-bench that wrote it, or another --results."
        )


def from_json(plain: Mapping[str, object], where: str) -> RunSpec:
    """The spec that `to_json` wrote. `where` it was read, for messages.

    Raises UserError if it is of another format version or not a spec.
    """
    check_format(plain, where)
    names = {f.name for f in fields(RunSpec)}
    if set(plain) != names | {"format"}:
        raise UserError(f"{where} is not a run's specification; remove it to start that run anew.")
    parts = {k: plain[k] for k in names}
    train = BEFORE | parts["train"]
    parts["train"] = build(TrainConfig, train, f"the recipe in {where}")
    parts["network"] = build(NetworkConfig, parts["network"], f"the network in {where}")
    return RunSpec(**parts)
