"""A tiny copy of CMU-MOSEI's feature files: their keys, dtypes and padding.

Every number of a segment is its own, so that one can tell which segment arrived.
"""

import pickle
from pathlib import Path

import numpy as np

COUNTS = {"train": 12, "valid": 4, "test": 6}
SCORES = (-3.0, 0.0, 3.0, -0.3333, 1.0, -1.6667)
STEPS = {"text": 6, "audio": 9, "vision": 9}
WIDTHS = {"text": 5, "audio": 4, "vision": 3}
VIDEOS = {"train": ("hh04W3xXa5s", "-a55Q6RWvTA"), "valid": ("188343",), "test": ("7l3BNtSE0xc",)}
TABLE = "cmu_mosei_std_folds.py"


class Call:
    """Pickles as a call of `os.system`."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def arrays(draw, count, steps=STEPS, widths=WIDTHS):
    """Text padded in front, the rest at the end; lengths differ."""
    found = {}
    for key, wide in widths.items():
        x = draw.normal(size=(count, steps[key], wide)) + 2
        for i, rows in enumerate(x):
            padding = i % 4
            rows[slice(0, padding) if key == "text" else slice(steps[key] - padding, None)] = 0
        found[key] = x
    return found


def mult(seed=0, **shapes):
    """The form of MulT: train, valid and test, each with vision, audio, text, labels and id."""
    draw, plain = np.random.default_rng(seed), {}
    for fold, count in COUNTS.items():
        videos = VIDEOS[fold]
        names = [[videos[i % len(videos)], f"{i}.5", f"{i + 1}.25"] for i in range(count)]
        scores = np.array([SCORES[i % len(SCORES)] for i in range(count)])
        plain[fold] = arrays(draw, count, **shapes) | {
            "labels": scores.reshape(count, 1, 1),
            "id": np.array(names, dtype=object),
        }
    return plain


def faulty():
    """The same with a row of -inf, NaN in a picture, a segment without text, and bad labels."""
    plain = mult()
    plain["train"]["audio"][1, 2] = -np.inf
    plain["train"]["vision"][2, 0, 1] = np.nan
    plain["test"]["text"][3] = 0
    plain["train"]["labels"][4] = 3.5
    plain["train"]["labels"][5] = np.nan
    plain["test"]["id"][5] = plain["test"]["id"][4]
    plain["test"]["labels"][5] = plain["test"]["labels"][4]
    return plain


def mmsa():
    """The form of MMSA, with names as text and lengths of sound and pictures."""
    plain = {}
    for fold, part in mult().items():
        count = len(part["labels"])
        plain[fold] = {
            "raw_text": np.array([f"sentence {i}" for i in range(count)], dtype=object),
            "id": [f"{part['id'][i, 0]}$_${i}" for i in range(count)],
            "audio_lengths": [STEPS["audio"] - i % 4 for i in range(count)],
            "vision_lengths": [STEPS["vision"] - i % 4 for i in range(count)],
            "text_bert": np.zeros((count, 3, STEPS["text"])),
            "annotations": ["Neutral"] * count,
            "classification_labels": np.zeros(count),
            "regression_labels": part["labels"].reshape(-1).astype(np.float32),
            **{key: part[key].astype(np.float32) for key in WIDTHS},
        }
    return plain


def write(path, plain, protocol=4):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(plain, protocol))
    return path


def write_folds(folder, videos=VIDEOS):
    """The owners' table, which is a Python file."""
    lines = [f"standard_{fold}_fold = {list(names)}\n" for fold, names in videos.items()]
    (folder / TABLE).write_text("".join(lines))


def make(root: Path) -> Path:
    write(root / "mosei_senti_data.pkl", faulty())
    write_folds(root)
    return root
