"""Fetching raw files from a server on 127.0.0.1 that behaves as servers do."""

import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.__main__ import main
from bench.datasets.core.files import download
from bench.datasets.core.files.download import Archive, Download, fetch
from bench.datasets.core.prepare.progress import Meter
from bench.datasets.cremad.adapter import CREMAD
from bench.errors import UserError

CONTENT = bytes(range(256)) * 4000  # about a MiB
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Server(ThreadingHTTPServer):
    """files: path -> bytes. cut: how many answers break off after half. asked: (path, range)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.asked, self.ranges = {"/a.bin": CONTENT}, 0, [], True

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.path not in self.server.files:
            self.send_error(404)
            return
        raw = self.server.files[self.path]
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(raw):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(raw) - start))
        self.end_headers()
        end = len(raw)
        if self.server.cut:
            self.server.cut -= 1
            end = start + (len(raw) - start) // 2
        self.wfile.write(raw[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.0)
    running = Server()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def get(item, root):
    return list(fetch((item,), root, Meter(lambda line: None)))


def test_a_file_arrives_whole_and_is_not_fetched_twice(server, tmp_path):
    item = Download(server.url("/a.bin"), "lists/a.bin", SHA)
    assert get(item, tmp_path / "new") == ["lists/a.bin: fetched"]
    assert (tmp_path / "new/lists/a.bin").read_bytes() == CONTENT
    assert get(item, tmp_path / "new") == ["lists/a.bin: there already"]
    assert len(server.asked) == 1
    assert [p.name for p in (tmp_path / "new/lists").iterdir()] == ["a.bin"]


def test_a_blob_of_git_is_known_by_its_name(server, tmp_path):
    server.files["/b"] = b"hello\n"
    item = Download(server.url("/b"), "b", "git:ce013625030ba8dba906f756967f9e9ca394464a")
    assert get(item, tmp_path) == ["b: fetched"] and get(item, tmp_path) == ["b: there already"]
    server.files["/c"] = b"hello"
    with pytest.raises(UserError, match="is not the published file"):
        get(Download(server.url("/c"), "c", item.digest), tmp_path)


def test_what_breaks_off_goes_on_where_it_ended(server, tmp_path):
    server.cut = 2
    get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert [r for _, r in server.asked] == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_another_call_goes_on_where_a_killed_one_ended(server, tmp_path):
    (tmp_path / ".a.bin.part").write_bytes(CONTENT[:1000])
    get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked == [("/a.bin", "bytes=1000-")]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more", b"other" * 100])
def test_a_wrong_or_whole_remainder_ends_well(server, tmp_path, part):
    (tmp_path / ".a.bin.part").write_bytes(part)
    get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_sends_all_of_it(server, tmp_path):
    server.ranges = False
    (tmp_path / ".a.bin.part").write_bytes(CONTENT[:1000])
    get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_what_breaks_off_every_time_is_kept_and_told(server, tmp_path):
    server.cut = 99
    with pytest.raises(UserError, match=r"broke off after .* the same command goes on"):
        get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert (tmp_path / ".a.bin.part").stat().st_size > len(CONTENT) / 2
    assert not (tmp_path / "a.bin").exists()


def test_other_bytes_than_published_are_refused(server, tmp_path):
    server.files["/a.bin"] = b"<html>quota</html>"
    with pytest.raises(UserError, match="is not the published file") as error:
        get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert str(tmp_path / "a.bin") in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_users_own_is_left_as_it_is(server, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"mine")
    said = get(Download(server.url("/a.bin"), "a.bin", SHA), tmp_path)
    assert said == ["a.bin: there already, not the published one; left as it is"]
    assert (tmp_path / "a.bin").read_bytes() == b"mine" and server.asked == []


def test_a_file_that_is_gone_is_told_with_where_it_belongs(server, tmp_path):
    with pytest.raises(UserError, match="404 Not Found") as error:
        get(Download(server.url("/gone"), "a.bin", SHA), tmp_path)
    assert f"put it at {tmp_path / 'a.bin'}" in str(error.value)


def packed(names) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name in names:
            info, raw = tarfile.TarInfo(name), name.encode()
            info.size = len(raw)
            file.addfile(info, io.BytesIO(raw))
    return buffer.getvalue()


def archive(server, names, expected):
    server.files["/x.tar.gz"] = packed(names)
    text = "".join(
        f"{hashlib.sha256(n.encode()).hexdigest()}  {n.split('/')[-1]}\n" for n in expected
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Archive(server.url("/x.tar.gz"), "sounds", r"[^/]+/recordings/[^/]+\.wav", digest)


NAMES = ["v1/README", "v1/recordings/a.wav", "v1/recordings/b.wav", "v1/recordings/c.txt"]


def test_an_archive_becomes_a_folder_of_what_is_picked(server, tmp_path):
    item = archive(server, NAMES, NAMES[1:3])
    assert get(item, tmp_path) == ["sounds: fetched and unpacked"]
    assert sorted(p.name for p in (tmp_path / "sounds").iterdir()) == ["a.wav", "b.wav"]
    assert [p.name for p in tmp_path.iterdir()] == ["sounds"]
    assert get(item, tmp_path) == ["sounds: there already"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (NAMES[:2], "holds other files than those that were published"),
        ([*NAMES, "v1/recordings/../../evil.wav"], "leads upwards"),
        (["/etc/recordings/x.wav"], "is not relative"),
    ],
)
def test_an_archive_of_other_or_unsafe_files_leaves_nothing(server, tmp_path, names, sentence):
    item = archive(server, names, NAMES[1:3])
    with pytest.raises(UserError, match=sentence):
        get(item, tmp_path)
    assert not (tmp_path / "sounds").exists()
    assert not list(tmp_path.parent.rglob("evil.wav"))


def test_the_command_fetches_lists_into_a_root(server, tmp_path, monkeypatch, capsys):
    item = Download(server.url("/a.bin"), "lists/train.csv", SHA)
    monkeypatch.setattr(CREMAD, "downloads", (item,))
    assert main(["data", "fetch", "cremad", "--root", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out == "lists/train.csv: fetched\n"
    assert CREMAD.list_files(tmp_path / "new") == {"train": tmp_path / "new/lists/train.csv"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cremad"], "needs --root DIR"),
        (["digits"], "nothing of digits can be fetched"),
        (["cremad", "--root", "/proc/nowhere"], "choose a --root that can be written"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, sentence, capsys):
    assert main(["data", "fetch", *arguments]) == 2
    assert sentence in capsys.readouterr().err
