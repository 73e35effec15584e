"""What a method must beat before its own idea explains anything; beside these, rows of other
subjects that have `controls`."""

from bench.registry import MethodEntry as Entry

CONTROL = "Controls"
PRETRAINED = "bench.methods.pretrained:Pretrained"

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
    Entry(
        "joint-long",
        "bench.methods.joint_long:JointLong",
        "Joint, twice as long",
        CONTROL,
        "-",
        controls="Whether a method of two stages wins by its idea or by its updates: each encoder "
        "is updated as often as where it is trained alone first and with the others then. Its "
        "schedule has the double length too, so that it is not only further training at the "
        "lowest rate.",
    ),
    Entry(
        "joint-lr",
        "bench.methods.joint_lr:JointLR",
        "Joint, a rate per encoder",
        CONTROL,
        "-",
        controls="Whether modulation does more than tuned learning rates: each encoder has a rate "
        "of its own, found on held-out training samples before and fixed then. Where no other rate "
        "is better it is `joint`, bit for bit.",
    ),
    Entry(
        "simbamm",
        "bench.methods.simbamm:SimBaMM",
        "SimBaMM",
        CONTROL,
        "arXiv 2512.22991, 2025",
        controls="Whether a method does more than a better head would: features meet in a small "
        "transformer, and training is plain.",
    ),
    Entry(
        "pretrained-frozen",
        PRETRAINED,
        "Encoders trained alone, frozen",
        CONTROL,
        "-",
        {"frozen": True},
        controls="Whether encoders need each other at all: each is trained alone and selected on "
        "validation, then a fusion head learns from their features. What a method has beyond this "
        "its encoders learnt together.",
    ),
    Entry(
        "pretrained-finetuned",
        PRETRAINED,
        "Encoders trained alone, fine-tuned",
        CONTROL,
        "-",
        {"frozen": False},
        controls="The first stage of methods with teachers or pre-trained encoders, by itself: "
        "encoders trained alone and selected on validation, then joint training from there. What "
        "such a method has beyond this is not its head start.",
    ),
)
