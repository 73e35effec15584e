"""One modality of a trained network, by what reads it out."""

from functools import partial

from bench.report.quantities.quantity import Quantity, Value, of_network
from bench.report.read.results import Finished

HEAD, PROBE, UNDER_TRAINING = "head", "probe", "under_training"
MASK = "mask"


def head(run: Finished, protocol: str) -> Value:
    """What the run stores as its modalities' heads, whatever they are."""
    return run.heads.get(protocol) or None if run.readout else None


def readout(name: str, run: Finished, protocol: str) -> Value:
    """Accuracies of modalities alone; heads of other protocols come from the stored answers."""
    if name == run.readout:
        return run.heads.get(protocol) or None
    return run.evaluated.readouts.get(name) if protocol == run.evaluated.protocol else None


def probe(run: Finished, protocol: str) -> Value:
    return run.probe or None if protocol == run.probe_protocol else None


def alone(title: str, name: str) -> Quantity:
    return Quantity(title, partial(readout, name), modalities=True, share=True)


UNIMODAL = {
    HEAD: Quantity("head", head, modalities=True, share=True),
    "own_head": alone("own head", "own_head"),
    "slice": alone("slice", "slice"),
    MASK: alone("mask", MASK),
    "mask_mean": alone("mask, training mean", "mask_mean"),
    "mask_input": alone("mask, blank input", "mask_input"),
    PROBE: Quantity("probe", probe, modalities=True, share=True),
    "joined_probe": Quantity(
        "probe of all", of_network(lambda run: run.evaluated.joined_probe), share=True
    ),
}
LACKING = {UNDER_TRAINING: Quantity("under-training", None, -1, modalities=True, share=True)}
