"""The table of methods, in the order of the tables."""

from bench.registry import MethodEntry as Entry

BASELINE, MODULATION, DETACHED = "Baselines", "Gradient modulation", "Detached training"
TEACHERS, OBJECTIVE, FORWARD = "Teachers", "Objectives", "Forward modulation"
MATCHING = "Matching of modalities"
SCHEDULE, ALTERNATING = "Schedules", "Alternating training"
RESAMPLING = "Choice of samples"
OGM_PAPER = "Peng et al., CVPR 2022"
PMR, PMR_PAPER = "bench.methods.pmr:PMR", "Fan et al., CVPR 2023"
INFOREG, INFOREG_PAPER = (
    "bench.methods.inforeg:InfoReg",
    "Huang et al., CVPR 2025, arXiv 2503.18595",
)
DIMML, DIMML_PAPER = "bench.methods.dimml:DIMML", "Fan et al., ACM MM 2024"
MMPARETO, MMPARETO_PAPER = "bench.methods.mmpareto:MMPareto", "Wei and Hu, ICML 2024"
MSLR, MSLR_PAPER = "bench.methods.mslr:MSLR", "Yao and Mihalcea, Findings of ACL 2022"
RECONBOOST, RECONBOOST_PAPER = "bench.methods.reconboost:ReconBoost", "Hua et al., ICML 2024"
GBLEND, GBLEND_PAPER = "bench.methods.gblend:GBlend", "Wang et al., CVPR 2020"
MBSD, MBSD_PAPER = "bench.methods.mbsd:MBSD", "Liu et al., WSDM 2023"
CML, CML_PAPER = "bench.methods.cml:CML", "Ma et al., ICML 2023"
MLA, MLA_PAPER = "bench.methods.mla:MLA", "Zhang et al., CVPR 2024"
OPM, OPM_PAPER = "bench.methods.opm:OPM", "Wei et al., IEEE TPAMI 2024, arXiv 2410.11582"
GREEDY, GREEDY_PAPER = "bench.methods.greedy:Greedy", "Wu et al., ICML 2022"
AMCO, AMCO_PAPER = "bench.methods.amco:AMCo", "Zhou et al., ICASSP 2023"
MMCOSINE_PAPER = "Xu et al., ICASSP 2023"
LFM, LFM_PAPER = "bench.methods.lfm:LFM", "Yang et al., NeurIPS 2024"
REMIX, REMIX_PAPER = "bench.methods.remix:Remix", "Ma et al., ICML 2025, arXiv 2506.11550"
VALUATION, VALUATION_PAPER = (
    "bench.methods.valuation:Valuation",
    "Wei et al., CVPR 2024, arXiv 2309.06255",
)
ABLATIONS = "Ablations of DI-MML"
# Where there are more than two modalities, which the papers do not say.
OGM_BEYOND = "a modality's ratio is to the mean score of the others"
OPM_BEYOND = "a modality's ratio is the mean of its ratios to each of the others"
GREEDY_BEYOND = "the fastest is cut off where it and the slowest differ; the gates join all"
AMCO_BEYOND = "a modality is masked from a share of 1 / M + 0.1 of the answer, one at most"
PMR_BEYOND = "a slow modality's lag is to the best one, whose entropy weight is the others' mean"
MBSD_BEYOND = "distillation is the mean over all pairs"
REMIX_BEYOND = "one group for every modality, the last one's first"
LFM_BEYOND = "matching is the mean over all pairs"
VALUATION_BEYOND = "samples are added for every modality whose gap is above the least"
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
    Entry("agm", "bench.methods.agm:AGM", "AGM", MODULATION, "Li et al., ICCV 2023"),
    Entry("mmpareto", MMPARETO, "MMPareto", MODULATION, MMPARETO_PAPER),
    Entry(
        "mmpareto-encoder",
        MMPARETO,
        "MMPareto, rescaled by encoder",
        MODULATION,
        MMPARETO_PAPER,
        {"rescaled": "encoder"},
        base="mmpareto",
    ),
    Entry("mslr", MSLR, "MSLR", MODULATION, MSLR_PAPER),
    Entry("mslr-keep", MSLR, "MSLR, keep", MODULATION, MSLR_PAPER, {"dynamic": False}, base="mslr"),
    Entry(
        "mslr-dynamic",
        MSLR,
        "MSLR, dynamic",
        MODULATION,
        MSLR_PAPER,
        {"search": False},
        base="mslr",
    ),
    Entry("pmr", PMR, "PMR", MODULATION, PMR_PAPER, more_than_two=PMR_BEYOND),
    Entry(
        "pmr-released",
        PMR,
        "PMR, released code",
        MODULATION,
        PMR_PAPER,
        # The commands of its README end after 70 of 100 epochs and keep no old prototype.
        {"mu": 0.0, "acceleration": "hard", "old_weight": 0.0, "draw": "batches", "end": 0.7},
        base="pmr",
        more_than_two="all but the best modality get the prototype loss",
    ),
    Entry("inforeg", INFOREG, "InfoReg", MODULATION, INFOREG_PAPER),
    Entry(
        "inforeg-uni",
        INFOREG,
        "InfoReg + uni-modal losses",
        MODULATION,
        INFOREG_PAPER,
        {"unimodal_loss": True},
        base="inforeg",
    ),
    Entry(
        "inforeg-released",
        INFOREG,
        "InfoReg, released code",
        MODULATION,
        INFOREG_PAPER,
        {"unimodal_loss": True, "form": "released", "beta": 1.0, "threshold": 0.05},
        base="inforeg",
        more_than_two="the pull on all modalities but the first is that on the second",
    ),
    Entry("mmcosine", "bench.methods.mmcosine:MMCosine", "MMCosine", FORWARD, MMCOSINE_PAPER),
    Entry("opm", OPM, "OPM", FORWARD, OPM_PAPER, more_than_two=OPM_BEYOND),
    Entry(
        "opm-no-rescaling",
        OPM,
        "OPM, without rescaling",
        FORWARD,
        OPM_PAPER,
        {"rescale": False},  # the paper, as others read it
        base="opm",
        more_than_two=OPM_BEYOND,
    ),
    Entry("greedy", GREEDY, "Greedy", FORWARD, GREEDY_PAPER, more_than_two=GREEDY_BEYOND),
    Entry(
        "greedy-random",
        GREEDY,
        "Greedy, balanced at random",
        FORWARD,
        GREEDY_PAPER,
        {"balance": "random"},
        base="greedy",
        more_than_two="the gates join all modalities, each of which is cut off in turn",
    ),
    Entry(
        "greedy-never",
        GREEDY,
        "Greedy, never balanced",
        FORWARD,
        GREEDY_PAPER,
        {"balance": "never"},
        base="greedy",
        more_than_two="the gates join all modalities",
    ),
    Entry("amco", AMCO, "AMCo", FORWARD, AMCO_PAPER, more_than_two=AMCO_BEYOND),
    Entry(
        "amco-no-masks",
        AMCO,
        "AMCo, without masks",
        FORWARD,
        AMCO_PAPER,
        {"most": 0.0},
        base="amco",
    ),
    Entry("umt", "bench.methods.umt:UMT", "UMT", TEACHERS, "Du et al., ICML 2023"),
    Entry("gblend", GBLEND, "G-Blend", OBJECTIVE, GBLEND_PAPER),
    Entry(
        "gblend-offline",
        GBLEND,
        "G-Blend, offline",
        OBJECTIVE,
        GBLEND_PAPER,
        {"block": 1.0},
        base="gblend",
    ),
    Entry("mbsd", MBSD, "MBSD", OBJECTIVE, MBSD_PAPER, more_than_two=MBSD_BEYOND),
    Entry(
        "mbsd-released",
        MBSD,
        "MBSD, released code",
        OBJECTIVE,
        MBSD_PAPER,
        {"form": "released"},
        base="mbsd",
        more_than_two=f"{MBSD_BEYOND}; probabilities in place of logits are drawn together",
    ),
    Entry("cml", CML, "CML", OBJECTIVE, CML_PAPER),
    Entry(
        "cml-released",
        CML,
        "CML, as in BalanceBenchmark",
        OBJECTIVE,
        CML_PAPER,
        {"form": "released"},
        base="cml",
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
    Entry("lfm", LFM, "LFM", MATCHING, LFM_PAPER, more_than_two=LFM_BEYOND),
    Entry(
        "lfm-lb",
        LFM,
        "LFM, learned weight",
        MATCHING,
        LFM_PAPER,
        {"weighting": "bilevel"},
        base="lfm",
        more_than_two=LFM_BEYOND,
    ),
    Entry(
        "lfm-released",
        LFM,
        "LFM, as released",
        MATCHING,
        LFM_PAPER,
        {"matching": "js", "weighting": "fitted"},  # of its main script
        base="lfm",
        more_than_two=LFM_BEYOND,
    ),
    Entry("remix", REMIX, "Remix", RESAMPLING, REMIX_PAPER, more_than_two=REMIX_BEYOND),
    Entry(
        "remix-interleave",
        REMIX,
        "Remix, batches interleaved",
        RESAMPLING,
        REMIX_PAPER,
        {"interleave": True},
        base="remix",
        more_than_two="one group for every modality",
    ),
    Entry(
        "remix-skip",
        REMIX,
        "Remix, masked encoders skipped",
        RESAMPLING,
        REMIX_PAPER,
        {"skip_masked": True},
        base="remix",
        more_than_two=REMIX_BEYOND,
    ),
    Entry(
        "valuation-sample",
        VALUATION,
        "Valuation, sample level",
        RESAMPLING,
        VALUATION_PAPER,
        {"level": "sample"},
    ),
    Entry(
        "valuation-modality",
        VALUATION,
        "Valuation, modality level",
        RESAMPLING,
        VALUATION_PAPER,
        {"level": "modality"},
        base="valuation-sample",
        more_than_two=VALUATION_BEYOND,
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
