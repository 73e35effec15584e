"""Methods that change what gradients the encoders get."""

from bench.registry import MethodEntry as Entry
from bench.registry import variants

MODULATION = "Gradient modulation"
OGM = "bench.methods.ogm:OGM"
OGM_PAPER = "Peng et al., CVPR 2022"
MSLR_PAPER = "Yao, Mihalcea, Findings of ACL 2022"
# What is ours where there are more than two modalities, of several rows.
OGM_BEYOND = "a modality's ratio is to the mean score of the others"

ROWS = (
    Entry("ogm", OGM, "OGM", MODULATION, OGM_PAPER, {"noise_scale": 0.0}, more_than_two=OGM_BEYOND),
    Entry("ogm_ge", OGM, "OGM-GE", MODULATION, OGM_PAPER, more_than_two=OGM_BEYOND),
    Entry("agm", "bench.methods.agm:AGM", "AGM", MODULATION, "Li et al., ICCV 2023"),
    *variants(
        Entry(
            "mmpareto",
            "bench.methods.mmpareto:MMPareto",
            "MMPareto",
            MODULATION,
            "Wei and Hu, ICML 2024",
        ),
        ("encoder", "rescaled by encoder", {"rescaled": "encoder"}),
    ),
    *variants(
        Entry("mslr", "bench.methods.mslr:MSLR", "MSLR", MODULATION, MSLR_PAPER),
        ("keep", "keep", {"dynamic": False}),
        ("dynamic", "dynamic", {"search": False}),
    ),
    *variants(
        Entry(
            "pmr",
            "bench.methods.pmr:PMR",
            "PMR",
            MODULATION,
            "Fan et al., CVPR 2023",
            more_than_two="a slow modality's lag is to the best one, "
            "whose entropy weight is the others' mean",
        ),
        (
            "released",
            "released code",
            # The commands of its README end after 70 of 100 epochs and keep no old prototype.
            {"mu": 0.0, "acceleration": "hard", "old_weight": 0.0, "draw": "batches", "end": 0.7},
            "all but the best modality get the prototype loss",
        ),
    ),
    *variants(
        Entry(
            "inforeg",
            "bench.methods.inforeg:InfoReg",
            "InfoReg",
            MODULATION,
            "Huang et al., CVPR 2025",
        ),
        ("uni", "with uni-modal losses", {"unimodal_loss": True}),
        (
            "released",
            "released code",
            {"unimodal_loss": True, "form": "released", "beta": 1.0, "threshold": 0.05},
            "the pull on all modalities but the first is that on the second",
        ),
    ),
    *variants(
        Entry(
            "amss",
            "bench.methods.amss:AMSS",
            "AMSS",
            MODULATION,
            "Yang et al., IEEE TPAMI 2025",
        ),
        ("plus", "weighed (AMSS+)", {"form": "plus"}),
        ("released", "released code", {"form": "released"}),
    ),
    *variants(
        Entry("dgl", "bench.methods.dgl:DGL", "DGL", MODULATION, "Wei et al., ICCV 2025"),
        ("fused-to-encoder", "fused loss to encoders", {"fused_to_encoder": True}),
        ("uni-to-head", "uni-modal losses to the head", {"uni_to_head": True}),
        ("both", "one loss for all", {"fused_to_encoder": True, "uni_to_head": True}),
    ),
    *variants(
        Entry(
            "arl",
            "bench.methods.arl:ARL",
            "ARL",
            MODULATION,
            "Wei et al., ICCV 2025",
            more_than_two="what the answer depends on the others for is their mean; "
            "the floor of an entropy's share falls as 2 / M",
        ),
        # It computes its factors and uses none of them.
        ("released", "as released", {"weights": "released"}, ""),
    ),
    *variants(
        Entry("cggm", "bench.methods.cggm:CGGM", "CGGM", MODULATION, "Guo et al., NeurIPS 2024"),
        ("released", "as released", {"direction": "released", "limit": 0.0}),
    ),
)
