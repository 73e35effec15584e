"""Clips and pictures as their owners distribute them, where they lie beside the project: what is
prepared of them is what PyAV and Pillow say is there."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bench.datasets.core.decode.audio import sound
from bench.datasets.core.decode.clip import RATE, SHORT_SIDE
from bench.datasets.core.decode.video import frames_at
from bench.datasets.core.flags import Flag
from bench.datasets.kinetics_sounds.adapter import KineticsSounds
from bench.datasets.modelnet40.adapter import VIEWS, ModelNet40
from bench.datasets.ucf101.adapter import RELEASE, UCF101
from bench.datasets.ucf101.reader import SEGMENTS
from bench.datasets.vggsound.adapter import VGGSound

MEDIA = Path(__file__).parents[3] / "shared/data/media"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no clips of data sets in {MEDIA}"),
]


def prepared(kind, folder, cache, **settings):
    """The adapter, its cache, and the rows of the samples whose files are there."""
    root = MEDIA / folder
    opened = kind(kind.Config(**kind.complete(settings, root)), root)
    stored = opened.prepared(cache)
    files = dict(zip(stored.ids, opened.clips().files, strict=True))
    there = {
        name: {role: root / path for role, path in of.items()}
        for name, of in files.items()
        if all((root / path).exists() for path in of.values())
    }
    usable = stored.column("usable")
    assert {n for n, good in zip(stored.ids, usable, strict=True) if good} == set(there)
    return opened, stored, {n: (stored.ids.index(n), of) for n, of in there.items()}


def of_video(path):
    """Pictures of a video and their sizes, by PyAV."""
    with av.open(str(path)) as container:
        sizes = [(frame.height, frame.width) for frame in container.decode(video=0)]
        return len(sizes), sizes[0], float(container.streams.video[0].average_rate)


def of_sound(path):
    """Samples, rate in Hz and channels of the sound of a video, by PyAV; no rate without any."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return 0, 0, 0
        frames = list(container.decode(audio=0))
        return sum(f.samples for f in frames), frames[0].rate, frames[0].layout.nb_channels


def scaled(size):
    """[H, W] as stored."""
    return [n * SHORT_SIDE // min(size) for n in size]


@pytest.mark.parametrize(
    ("kind", "folder", "clips"),
    [(VGGSound, "vggsound_own", 12), (KineticsSounds, "kinetics_own", 3)],
)
def test_clips_are_as_long_and_as_large_as_their_files(tmp_path, kind, folder, clips):
    opened, stored, rows = prepared(kind, folder, tmp_path, split="literature")
    assert len(rows) == clips
    waves, pictures = stored.shapes("wave"), stored.shapes("visual")
    for i, files in rows.values():
        count, size, rate = of_video(files["video"])
        samples, own_rate, channels = of_sound(files["video"])
        assert frames_at(files["video"], (0.0,)).count == count
        shown = sum(time < count / rate for time in opened.times())
        assert pictures[i].tolist() == [shown, *scaled(size), 3]
        assert waves[i].item() == (-(-samples * RATE // own_rate) if own_rate else 0)
        converted = bool(own_rate) and (own_rate, channels) != (RATE, 1)
        assert bool(stored.flags[i] & Flag.CONVERTED) == converted
        assert bool(stored.flags[i] & Flag.SILENT) or samples


def test_videos_of_ucf101_have_all_pictures(tmp_path):
    _, stored, rows = prepared(UCF101, "ucf101", tmp_path, source="avi")
    assert len(rows) == 3
    heard = 0
    for i, files in rows.values():
        count, size, rate = of_video(files["avi"])
        samples, own_rate, _ = of_sound(files["avi"])
        frames = frames_at(files["avi"], (0.0,))
        assert frames.count == count and frames.seconds == pytest.approx(count / rate, abs=0.05)
        assert stored.shapes("visual")[i].tolist() == [SEGMENTS, *scaled(size), 3]
        found = sound(files["avi"], RATE)
        assert found.seconds == pytest.approx(samples / own_rate if own_rate else 0)
        heard += own_rate > 0
    assert heard == 1


def test_pictures_and_flow_of_ucf101_are_those_of_the_folders(tmp_path):
    _, stored, rows = prepared(UCF101, "ucf101_flow", tmp_path, flow_frames=4)
    assert len(rows) == 2
    for i, files in rows.values():
        counts = {role: len(list(files[role].glob("frame*.jpg"))) for role in RELEASE}
        truncated = max(counts.values()) - min(counts.values()) > 2
        assert bool(stored.flags[i] & Flag.TRUNCATED) == truncated
        with Image.open(next(files["rgb"].iterdir())) as image:
            assert stored.shapes("visual")[i].tolist() == [SEGMENTS, *scaled(image.size[::-1]), 3]
        with Image.open(next(files["u"].iterdir())) as image:
            assert stored.shapes("flow")[i].tolist() == [4, *scaled(image.size[::-1]), 2]


def test_views_of_modelnet40_are_the_pictures(tmp_path):
    opened, stored, rows = prepared(ModelNet40, "modelnet40_renamed", tmp_path)
    inputs = stored.inputs()
    for i, files in rows.values():
        for view in VIEWS:
            shape = opened.describe().modalities[view].shape
            with Image.open(files[view]) as image:
                small = np.asarray(image.convert("RGB").resize(shape[1:]))
            found = inputs[view][i].numpy().squeeze()
            assert found.shape[:2] == small.shape[:2]
            assert abs(found.astype(int).mean() - small.mean()) < 8
    assert len(rows) == 4
