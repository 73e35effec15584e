"""The table of methods, in the order of the tables."""

from bench.registry import MethodEntry as Entry

BASELINE, MODULATION, DETACHED = "Baselines", "Gradient modulation", "Detached training"
OGM_PAPER = "Peng et al., CVPR 2022"
DIMML_PAPER = "Fan et al., ACM MM 2024"

ENTRIES = (
    Entry("unimodal", "methods.unimodal:Unimodal", "Uni-modal", BASELINE, "-", expand="modality"),
    Entry("joint", "methods.joint:Joint", "Joint training", BASELINE, "-"),
    Entry("joint-uni", "methods.joint_uni:JointUni", "Joint + uni-modal losses", BASELINE, "-"),
    Entry("ensemble", "methods.ensemble:Ensemble", "Uni-modal ensemble", BASELINE, "-"),
    Entry("ogm", "methods.ogm:OGM", "OGM", MODULATION, OGM_PAPER, {"noise_scale": 0.0}),
    Entry("ogm_ge", "methods.ogm:OGM", "OGM-GE", MODULATION, OGM_PAPER),
    Entry("dimml", "methods.dimml:DIMML", "DI-MML", DETACHED, DIMML_PAPER),
)
