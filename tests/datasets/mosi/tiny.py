"""A tiny copy of CMU-MOSI's tables: quoted CSV, text by the row of the transcripts."""

import csv

import numpy as np

VIDEOS = {"train": 4, "test": 10}
SENTENCES = 8  # of a video
WIDTHS = {"text": 100, "audio": 73, "video": 100}


def content():
    """`names` and `labels` of all sentences, in order of name; part -> `rows`, which are those of
    its videos in another order, and an array of each modality beside them."""
    draw = np.random.default_rng(0)
    videos = [f"{'_-aZ'[i % 4]}video{i:02d}" for i in range(sum(VIDEOS.values()))]
    names = [f"{v}_{k}" for v in sorted(videos) for k in range(SENTENCES)]
    labels = draw.permutation(np.arange(len(names)) % 2)
    plain = {"names": names, "labels": labels}
    order, start = draw.permutation(len(videos)), 0
    for part, count in VIDEOS.items():
        chosen = [
            k
            for i in order[start : start + count]
            for k in range(i * SENTENCES, (i + 1) * SENTENCES)
        ]
        start += count
        plain[part] = {"rows": np.array(chosen)} | {
            m: draw.normal(size=(len(chosen), width)) + labels[chosen][:, None]
            for m, width in WIDTHS.items()
        }
    return plain


def write(root, plain):
    for folder in ("audio", "video"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    words = "IT WAS, WELL, GOOD"
    table = [[n, words, "8", y] for n, y in zip(plain["names"], plain["labels"], strict=True)]
    save(root / "transcripts.csv", table)
    for part in VIDEOS:
        of = plain[part]
        save(root / f"text_{part}.csv", np.column_stack([of["rows"], of["text"]]), whole=1)
        labels = of.get("labels", plain["labels"][of["rows"] % len(plain["labels"])])
        for m in ("audio", "video"):
            path = root / m / f"{m}_{part}0.csv"
            save(path, [[*x, int(y)] for x, y in zip(of[m], labels, strict=True)])
    return root


def save(path, rows, whole=0):
    """whole: columns that are written as whole numbers."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        table.writerows([*map(int, row[:whole]), *row[whole:]] for row in rows)


def make(root):
    return write(root, content())
