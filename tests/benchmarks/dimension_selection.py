"""Time and memory of DI-MML's dimension selection at the size of UCF101, against the plain form.

    python -m tests.benchmarks.dimension_selection

Each form runs in a process of its own; memory is the peak above what was there before.
"""

import multiprocessing
import statistics
import time
from pathlib import Path

import torch

from bench.methods.dimml import class_centroids, hit_rates

SAMPLES, CLASSES, WIDTH = 9537, 101, 512
FORK = multiprocessing.get_context("fork")


def made():
    """Features [N, D] with class means, and labels [N] that leave no class out."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    centres = torch.randn(CLASSES, WIDTH, generator=draw)
    return centres[labels] + torch.randn(SAMPLES, WIDTH, generator=draw), labels


def plain(features, labels, classes, chunk=SAMPLES):
    """The page's steps 2 and 3 with the [chunk, C, D] tensor."""
    centroids = class_centroids(features, labels, classes)
    hits = torch.zeros(features.shape[1])
    for z, y in zip(features.split(chunk), labels.split(chunk), strict=True):
        nearest = (z[:, None] - centroids).abs().argmin(dim=1)
        hits += (nearest == y[:, None]).sum(dim=0)
    return hits / len(features)


def peak_mib():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell a process's peak memory")


def measured(form, repeats, pipe):
    """Sends the rates, the seconds of each repeat, and the peak above the start in MiB."""
    torch.set_num_threads(1)
    features, labels = made()
    form(features[:200], labels[:200], CLASSES)  # what is loaded once does not count
    Path("/proc/self/clear_refs").write_text("5")
    before, seconds = peak_mib(), []
    for _ in range(repeats):
        started = time.perf_counter()
        rates = form(features, labels, CLASSES)
        seconds.append(time.perf_counter() - started)
    pipe.send((rates.tolist(), seconds, peak_mib() - before))


def measure(form, repeats):
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=measured, args=(form, repeats, theirs))
    process.start()
    rates, seconds, mib = ours.recv()
    process.join()
    return torch.tensor(rates), statistics.median(seconds), mib


def chunked(features, labels, classes):
    return plain(features, labels, classes, chunk=64)


def main():
    ours, seconds, mib = measure(hit_rates, 9)
    print(f"N {SAMPLES}, C {CLASSES}, D {WIDTH}, one thread, median of the repeats")
    print(f"closed form        {seconds:8.3f} s  {mib:8.0f} MiB above the features")
    for name, form, repeats in (("plain, chunks of 64", chunked, 3), ("plain, whole", plain, 3)):
        rates, slow, mib = measure(form, repeats)
        same = bool(((rates > rates.mean()) == (ours > ours.mean())).all())
        print(
            f"{name:<18} {slow:8.3f} s  {mib:8.0f} MiB; {slow / seconds:.0f} times as long, "
            f"rates differ by at most {(rates - ours).abs().max().item():.1e}, "
            f"{'the same' if same else 'NOT the same'} dimensions"
        )


if __name__ == "__main__":
    main()
