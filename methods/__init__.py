"""The table of methods, in the order of the tables."""

from bench.registry import MethodEntry as Entry

BASELINE, MODULATION, DETACHED = "Baselines", "Gradient modulation", "Detached training"
SCHEDULE, ALTERNATING = "Schedules", "Alternating training"
OGM_PAPER = "Peng et al., CVPR 2022"
DIMML, DIMML_PAPER = "bench.methods.dimml:DIMML", "Fan et al., ACM MM 2024"
RECONBOOST, RECONBOOST_PAPER = "bench.methods.reconboost:ReconBoost", "Hua et al., ICML 2024"
MLA, MLA_PAPER = "bench.methods.mla:MLA", "Zhang et al., CVPR 2024"
ABLATIONS = "Ablations of DI-MML"
# Where there are more than two modalities, which the papers do not say.
OGM_BEYOND = "a modality's ratio is to the mean score of the others"
DIMML_BEYOND = "DUC is summed over ordered pairs and divided by M - 1"


def ablation(name: str, what: str, **settings: object) -> Entry:
    """A row that differs from `dimml` in these settings."""
    title = f"DI-MML, {what}"
    return Entry(
        f"dimml-{name}",
        DIMML,
        title,
        ABLATIONS,
        DIMML_PAPER,
        settings,
        base="dimml",
        more_than_two="" if settings.get("duc_weight") == 0 else DIMML_BEYOND,
    )


ENTRIES = (
    Entry(
        "unimodal", "bench.methods.unimodal:Unimodal", "Uni-modal", BASELINE, "-", expand="modality"
    ),
    Entry("joint", "bench.methods.joint:Joint", "Joint training", BASELINE, "-"),
    Entry(
        "joint-uni", "bench.methods.joint_uni:JointUni", "Joint + uni-modal losses", BASELINE, "-"
    ),
    Entry("ensemble", "bench.methods.ensemble:Ensemble", "Uni-modal ensemble", BASELINE, "-"),
    Entry(
        "ogm",
        "bench.methods.ogm:OGM",
        "OGM",
        MODULATION,
        OGM_PAPER,
        {"noise_scale": 0.0},
        more_than_two=OGM_BEYOND,
    ),
    Entry(
        "ogm_ge", "bench.methods.ogm:OGM", "OGM-GE", MODULATION, OGM_PAPER, more_than_two=OGM_BEYOND
    ),
    Entry(
        "relearning",
        "bench.methods.relearning:Relearning",
        "Diagnosing & Re-learning",
        SCHEDULE,
        "Wei et al., ECCV 2024",
    ),
    Entry("reconboost", RECONBOOST, "ReconBoost", SCHEDULE, RECONBOOST_PAPER),
    Entry(
        "reconboost-released",
        RECONBOOST,
        "ReconBoost, as released",
        SCHEDULE,
        RECONBOOST_PAPER,
        {"memory": 0.0},  # the released code detaches both sides of the term: it trains nothing
        base="reconboost",
    ),
    Entry("mses", "bench.methods.mses:MSES", "MSES", SCHEDULE, "Fujimori et al., ACPR 2019"),
    Entry("mla", MLA, "MLA", ALTERNATING, MLA_PAPER),
    Entry(
        "mla-no-projection",
        MLA,
        "MLA, without projection",
        ALTERNATING,
        MLA_PAPER,
        {"projection": False},  # what the released code does: it looks for another name
        base="mla",
    ),
    Entry("dimml", DIMML, "DI-MML", DETACHED, DIMML_PAPER, more_than_two=DIMML_BEYOND),
    ablation("no-shared", "without the shared head", shared_weight=0.0),
    ablation("no-duc", "without DUC", duc_weight=0.0),
    ablation("no-clw", "mean instead of certainty weights", answer="mean"),
    ablation("fused-only", "the fusion head alone answers", answer="fused"),
    ablation("all-dims", "DUC over all dimensions", duc_dims="all"),
    ablation("bidirectional", "DUC with gradients to both sides", duc_detach=False),
    ablation("detached", "neither shared head nor DUC", shared_weight=0.0, duc_weight=0.0),
)
