"""What a method must beat before its own idea explains anything."""

from bench.registry import MethodEntry as Entry

CONTROL = "Controls"

ROWS = (
    Entry(
        "late",
        "bench.methods.late:Late",
        "Late fusion",
        CONTROL,
        "-",
        controls="What training together costs: its network is that of `ensemble`, whose heads are "
        "trained apart. Whether a fusion helps: its logits are a sum, whatever the fusion of the "
        "others is. `joint` under the fusion sum differs in how its heads start, and in nothing "
        "else; under concat it has one bias besides.",
    ),
)
