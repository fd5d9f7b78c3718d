"""A whole collection comes over, verified; what is wrong is named, what is here is kept."""

import dataclasses
import hashlib
import shutil
import threading
from collections import namedtuple

import pytest

from pahcl_core.data.circor import read_circor
from pahcl_core.data.download import download
from pahcl_core.data.download_collections import CIRCOR, COLLECTIONS, PHYSIONET2016
from pahcl_core.data.download_file import Patience
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.errors import DataError, SettingError
from support.file_server import Fault, FileServer

FAST = Patience(timeout_s=3, attempts=2, pause_s=0.01)
RESTLESS = Patience(timeout_s=0.4, attempts=100, pause_s=0.01, longest_pause_s=0.01)
ALWAYS = float("inf")
LIST = "SHA256SUMS.txt"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A small synthetic CirCor with its checksum list."""
    root = tmp_path_factory.mktemp("published") / "circor"
    write_synthetic_circor(root, num_patients=3, seed=5, duration_s=(3.0, 3.2))
    publish(root)
    return root


def publish(root):
    """Write the checksum list of a folder; the files it names."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != LIST)
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    names = [path.relative_to(root).as_posix() for path in files]
    lines = [f"{sha256}  {name}\n" for sha256, name in zip(sums, names, strict=True)]
    (root / LIST).write_text("".join(lines))
    return names


def content(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def server(published):
    with FileServer(published) as running:
        yield running


@pytest.fixture
def small(tmp_path):
    """A server of twelve small files, and their names."""
    root = tmp_path / "published"
    root.mkdir()
    for number in range(12):
        (root / f"{number}.txt").write_bytes(bytes([number]) * 1000)
    names = publish(root)
    with FileServer(root) as running:
        yield running, names


def bring(server, directory, remote=CIRCOR, patience=FAST, **options):
    return download(remote, directory, url=server.url, patience=patience, **options)


def test_the_tree_is_the_published_one_and_is_read(server, published, tmp_path):
    result = bring(server, tmp_path / "here")

    assert content(tmp_path / "here") == content(published)
    assert result.num_fetched == result.num_files == len(content(published)) - 1
    here, there = read_circor(tmp_path / "here"), read_circor(published)
    assert here.provenance == "synthetic"
    assert [one.recording_id for one in here.recordings] == [
        one.recording_id for one in there.recordings
    ]
    assert here.subjects == there.subjects


def test_a_second_download_fetches_nothing(server, tmp_path):
    bring(server, tmp_path / "here")
    asked = len(server.requests)

    again = bring(server, tmp_path / "here")

    assert len(server.requests) == asked
    assert again.num_fetched == 0
    assert again.num_files == asked - 1
    assert f"0 fetched, {asked - 1} here already" in again.lines()[0]


def test_every_file_is_asked_for_once(server, published, tmp_path):
    bring(server, tmp_path / "here")

    assert sorted(server.paths()) == sorted(content(published))


def test_an_interrupted_download_goes_on(server, published, tmp_path):
    """Some files are there, one is half there, one is damaged, one is missing its folder."""
    here = tmp_path / "here"
    bring(server, here)
    wavs = sorted(here.glob("training_data/*.wav"))
    half = wavs[0].read_bytes()[:5000]
    wavs[0].unlink()
    wavs[0].with_name(wavs[0].name + ".part").write_bytes(half)
    damaged = bytearray(wavs[1].read_bytes())
    damaged[1000] ^= 1
    wavs[1].write_bytes(damaged)
    (here / "training_data.csv").unlink()
    server.requests.clear()

    result = bring(server, here)

    assert content(here) == content(published)
    assert result.num_fetched == 3
    assert result.replaced == (f"training_data/{wavs[1].name}",)
    assert server.ranges(f"training_data/{wavs[0].name}") == ["bytes=5000-"]
    assert len(server.requests) == 3


def test_a_file_that_stays_wrong_is_named_and_the_others_are_kept(small, tmp_path):
    server, names = small
    server.misbehave("3.txt", Fault(flip=10, times=ALWAYS))
    here = tmp_path / "here"

    with pytest.raises(DataError, match=r"1 of 12 files could not be had.*3\.txt: arrived whole"):
        bring(server, here)

    assert sorted(content(here)) == sorted([*(set(names) - {"3.txt"}), LIST])
    server.misbehave("3.txt")
    assert bring(server, here).num_fetched == 1


def test_every_trouble_at_once(small, tmp_path):
    server, names = small
    faults = [
        Fault(stop_after=100), Fault(stall_after=200), Fault(promise=50), Fault(promise=-50),
        Fault(flip=5), Fault(status=503, headers={"Retry-After": "0"}), Fault(status=500),
        Fault(status=302, headers={"Location": server.url + names[0]}), Fault(no_length=True),
    ]  # fmt: skip
    for name, fault in zip(names[1:], faults, strict=False):
        server.misbehave(name, fault)

    bring(server, tmp_path / "here", patience=RESTLESS)

    assert content(tmp_path / "here") == content(server.root)


def test_a_server_that_is_down_is_not_asked_for_every_file(tmp_path):
    root = tmp_path / "published"
    root.mkdir()
    for number in range(100):
        (root / f"{number}.txt").write_bytes(b"x")
    names = publish(root)
    with FileServer(root) as server:
        for name in names:
            server.misbehave(name, Fault(status=404, times=ALWAYS))

        with pytest.raises(DataError, match="10 of 100 files could not be had"):
            bring(server, tmp_path / "here")

        assert len(server.requests) < 20


def test_a_list_that_leads_out_of_the_folder_is_refused(small, tmp_path):
    server, _ = small
    (tmp_path / "secret.txt").write_text("mine")
    lines = (server.root / LIST).read_text() + f"{'0' * 64}  ../secret.txt\n"
    (server.root / LIST).write_text(lines)

    with pytest.raises(DataError, match=r"line 13: '\.\./secret\.txt' leads out of the folder"):
        bring(server, tmp_path / "here")

    assert server.paths() == [LIST]
    assert (tmp_path / "secret.txt").read_text() == "mine"


def test_a_list_that_names_itself_is_not_compared_with_itself(small, tmp_path):
    server, _ = small
    (server.root / LIST).write_text((server.root / LIST).read_text() + f"{'0' * 64}  {LIST}\n")

    result = bring(server, tmp_path / "here")

    assert (result.num_files, result.left_out) == (12, 0)
    assert server.paths().count(LIST) == 1


def test_no_list_no_download(tmp_path):
    (tmp_path / "published").mkdir()
    with (
        FileServer(tmp_path / "published") as server,
        pytest.raises(DataError, match=r"SHA256SUMS\.txt: HTTP 404 .*--url"),
    ):
        bring(server, tmp_path / "here")


@pytest.fixture
def free(monkeypatch):
    """Say how many bytes of the disk are free."""
    usage = namedtuple("usage", "total used free")

    def say(num_bytes):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, num_bytes))

    return say


def test_too_little_room_is_refused_before_anything_is_fetched(server, tmp_path, free):
    free(CIRCOR.num_bytes - 1)

    with pytest.raises(DataError, match="650 MB are needed and 650 MB are free; nothing was"):
        bring(server, tmp_path / "deep" / "here")

    assert server.requests == []
    assert not (tmp_path / "deep").exists()


def test_what_is_here_needs_no_more_room(small, tmp_path, free):
    """Eleven files and half of the twelfth lack 500 bytes of 12,000."""
    server, _ = small
    remote = dataclasses.replace(CIRCOR, num_bytes=12_000)
    here = tmp_path / "here"
    bring(server, here, remote)
    (here / "0.txt").unlink()
    (here / "0.txt.part").write_bytes(bytes(500))

    free(499)
    with pytest.raises(DataError, match="needed"):
        bring(server, here, remote)
    free(500)
    assert bring(server, here, remote).num_fetched == 1


def test_what_nothing_uses_is_left_out_and_counted(tmp_path):
    root = tmp_path / "published"
    used = ["training-a/a0001.wav", "annotations/x/a0001.mat", "RECORDS", "training-a/RECORDS"]
    unused = ["validation/a0001.wav", "sources/team.zip", "training.zip", "papers/1.pdf"]
    for name in used + unused:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    publish(root)
    with FileServer(root) as server:
        result = bring(server, tmp_path / "here", PHYSIONET2016)
        whole = bring(server, tmp_path / "whole", PHYSIONET2016, everything=True)

    assert sorted(content(tmp_path / "here")) == sorted([*used, LIST])
    assert result.left_out == 4
    assert "left out: 4 files" in "\n".join(result.lines())
    assert content(tmp_path / "whole") == content(root)
    assert whole.left_out == 0
    for one in (result, whole):  # a copy in validation/ is no further recording
        assert [str(problem) for problem in one.problems] == [
            f"{LIST}: names 1 recordings, not 3240 as published"
        ]


def test_a_list_of_as_many_recordings_as_published_is_no_problem(server, published, tmp_path):
    wavs = len(list(published.glob("training_data/*.wav")))

    result = bring(server, tmp_path / "here", dataclasses.replace(CIRCOR, num_recordings=wavs))

    assert result.problems == ()


@pytest.mark.parametrize("connections", [1, 3])
def test_as_many_connections_as_asked_for(small, tmp_path, connections):
    """The server answers only when so many ask at once; and a file ends with its connection."""
    server, names = small
    together = Fault(meet=threading.Barrier(connections), no_length=True)
    for name in names:
        server.misbehave(name, together)

    bring(server, tmp_path / "here", connections=connections)

    assert server.most_at_once == connections
    assert len(server.requests) == 13


@pytest.mark.parametrize("connections", [0, 17])
def test_connections_that_make_no_sense(server, tmp_path, connections):
    with pytest.raises(SettingError, match=f"connections must be 1 to 16, got {connections}"):
        bring(server, tmp_path / "here", connections=connections)


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/", "example.org", "https://"])
def test_an_address_that_makes_no_sense(tmp_path, url):
    with pytest.raises(SettingError, match="--url must begin with https:// or http://"):
        download(CIRCOR, tmp_path, url=url)


def test_progress_is_shown_every_file(small, tmp_path):
    server, _ = small
    shown = []

    def progress(items, total):
        for item in items:
            shown.append(total)
            yield item

    bring(server, tmp_path / "here", progress=progress)

    assert shown == [12] * 12


def test_interrupted_by_its_person_it_keeps_what_came(small, tmp_path):
    """Two connections: one file stalls after 600 bytes, the others come; then Ctrl-C."""
    server, _ = small
    server.misbehave("7.txt", Fault(stall_after=600), Fault(stall_after=0, times=ALWAYS))
    here = tmp_path / "here"

    def progress(items, total):
        for number, item in enumerate(items, start=1):
            yield item
            if number == 11:
                server.stalled.wait(5)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(server, here, connections=2, progress=progress, patience=RESTLESS)
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(5)
    server.misbehave("7.txt")

    assert content(here)["7.txt.part"] == content(server.root)["7.txt"][:600]
    assert len(content(here)) == 13
    bring(server, here)
    assert content(here) == content(server.root)
    assert server.ranges("7.txt")[-1] == "bytes=600-"


def test_an_address_without_its_last_slash(small, tmp_path):
    server, _ = small

    download(CIRCOR, tmp_path / "here", url=server.url.rstrip("/"), patience=FAST)

    assert content(tmp_path / "here") == content(server.root)


def test_an_error_in_a_thread_is_the_error_of_the_download(small, tmp_path):
    """A folder has the name of a file."""
    server, _ = small
    (tmp_path / "here" / "5.txt" / "inner").mkdir(parents=True)

    with pytest.raises(DataError, match=r"5\.txt: cannot be written"):
        bring(server, tmp_path / "here")


@pytest.mark.parametrize("remote", COLLECTIONS.values(), ids=COLLECTIONS)
def test_every_collection_says_its_terms(remote):
    notice = remote.notice()

    assert remote.url.startswith(("https://physionet.org/files/", "http://www.peterjbentley.com/"))
    assert remote.url.endswith("/")
    for said in (
        remote.title,
        remote.url,
        remote.licence,
        remote.citation,
        "account:",
        "verified:",
    ):
        assert said in notice
