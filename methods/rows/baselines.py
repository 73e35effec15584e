"""Plain trainings that every method is compared with."""

from bench.registry import MethodEntry as Entry

BASELINE = "Baselines"

ROWS = (
    Entry(
        "unimodal", "bench.methods.unimodal:Unimodal", "Uni-modal", BASELINE, "-", expand="modality"
    ),
    Entry("joint", "bench.methods.joint:Joint", "Joint training", BASELINE, "-"),
    Entry(
        "joint-uni", "bench.methods.joint_uni:JointUni", "Joint + uni-modal losses", BASELINE, "-"
    ),
    Entry("ensemble", "bench.methods.ensemble:Ensemble", "Uni-modal ensemble", BASELINE, "-"),
)
