"""Names from lists and archives, which must not lead anywhere."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from bench.datasets.core.files.archives import Member, inside, members
from bench.errors import UserError

UNSAFE = {
    "../x": "upwards",
    "a/../../x": "upwards",
    "a/..": "upwards",
    "/etc/passwd": "not relative",
    "~/x": "not relative",
    "C:x": "drive",
    "c:/x": "drive",
    "..\\x": "backslash",
    "a\\b": "backslash",
    "a\0.mp4": "control",
    "a\nb": "control",
    "a\x1b[2Jb": "control",
    "a\x85b": "control",
    "": "empty",
    " ": "empty",
    "a//b": "empty part",
    "\udcff.mp4": "UTF-8",
    "x" * 256: "255 bytes",
    "ä" * 128: "255 bytes",
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=UNSAFE[name]) as error:
        inside(tmp_path, name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["-x.mp4", "--1_cCGK4M.mp4", "a/..b", "a b/ä.png", "./a", "x" * 255]
)
def test_odd_names_that_lead_nowhere_are_allowed(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


def test_a_link_out_is_refused_unless_links_are_followed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "root-not"
    root.mkdir()
    outside.mkdir()
    (root / "media").symlink_to(outside)
    (root / "again").symlink_to(root)
    with pytest.raises(UserError, match="leads out"):
        inside(root, "media/x.mp4")
    assert inside(root, "media/x.mp4", links=True) == root / "media" / "x.mp4"
    assert inside(root, "again/x.mp4") == root / "again" / "x.mp4"


def test_a_root_that_is_a_link_itself_is_no_link_out(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "root", "x") == tmp_path / "root" / "x"


def tar_of(path, *infos, mode="w"):
    with tarfile.open(path, mode) as file:
        for info in infos:
            file.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def info(name, size=0, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, link
    return made


def zip_of(path, *infos):
    with zipfile.ZipFile(path, "w") as file:
        for one in infos:
            file.writestr(one, b"xyz")
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_the_files_of_a_tar_archive_are_listed(tmp_path, mode):
    folder = info("./a", kind=tarfile.DIRTYPE)
    path = tar_of(tmp_path / "x", folder, info("./a/b.png", 3), info("-c", 1), mode=mode)
    assert members(path) == [Member("./a/b.png", 3), Member("-c", 1)]


def test_the_files_of_a_zip_archive_are_listed(tmp_path):
    path = zip_of(tmp_path / "x", "a/", "a/b.png", "ä")
    assert members(path) == [Member("a/b.png", 3), Member("ä", 3)]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:\\x"])
def test_archives_with_unsafe_names_are_refused(tmp_path, name):
    for path in (tar_of(tmp_path / "t", info(name)), zip_of(tmp_path / "z", zipfile.ZipInfo(name))):
        with pytest.raises(UserError, match="names"):
            members(path)


def test_a_zip_name_that_is_cut_at_a_zero_byte_is_refused(tmp_path):
    path = zip_of(tmp_path / "x", "abcdefg")
    path.write_bytes(path.read_bytes().replace(b"abcdefg", b"ab\0/../"))
    with pytest.raises(UserError, match="control"):
        members(path)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_archive_are_refused(tmp_path, kind):
    path = tar_of(tmp_path / "x", info("a", 1), info("b", kind=kind, link="../outside"))
    with pytest.raises(UserError, match="link or a device"):
        members(path)


def test_links_in_a_zip_archive_are_refused(tmp_path):
    link = zipfile.ZipInfo("a")
    link.external_attr = 0o120777 << 16
    with pytest.raises(UserError, match="link or a device"):
        members(zip_of(tmp_path / "x", link))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    for path in (
        tar_of(tmp_path / "t", info("a/b"), info("./a/b")),
        zip_of(tmp_path / "z", "a/b", "a/b"),
    ):
        with pytest.raises(UserError, match="twice"):
            members(path)


def test_an_encrypted_zip_archive_is_refused(tmp_path):
    path = zip_of(tmp_path / "x", "a")
    raw = bytearray(path.read_bytes())
    place = raw.index(b"PK\1\2") + 8  # flags in the directory at the end
    raw[place : place + 2] = struct.pack("<H", 1)
    path.write_bytes(raw)
    with pytest.raises(UserError, match="encrypted"):
        members(path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_cut_tar_archive_is_refused(tmp_path, mode):
    noise = np.random.default_rng(0).bytes(200_000)
    with tarfile.open(tmp_path / "x", mode) as file:
        for name in "ab":
            file.addfile(info(name, len(noise)), io.BytesIO(noise))
    path = tmp_path / "x"
    path.write_bytes(path.read_bytes()[:150_000])
    with pytest.raises(UserError, match="cannot be read"):
        members(path)


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "x.zip").write_text("<html>")
    with pytest.raises(UserError, match="neither"):
        members(tmp_path / "x.zip")
    with pytest.raises(UserError, match="cannot be read"):
        members(tmp_path / "absent.zip")


def test_a_tar_archive_that_ends_in_a_zip_archive_is_a_tar_archive(tmp_path):
    inner = zip_of(tmp_path / "inner.zip", "hidden").read_bytes()
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        file.addfile(info("inner.zip", len(inner)), io.BytesIO(inner))
    assert zipfile.is_zipfile(tmp_path / "x.tar")
    assert members(tmp_path / "x.tar") == [Member("inner.zip", len(inner))]
