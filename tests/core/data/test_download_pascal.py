"""PASCAL's archives come over, are tested, and lie where they are read afterwards."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from pahcl_core.data.download import download
from pahcl_core.data.download_collections import PASCAL
from pahcl_core.data.download_file import Patience
from pahcl_core.data.download_pascal import broken_archive, unpack
from pahcl_core.data.pascal import read_pascal
from pahcl_core.errors import DataError
from support.file_server import Fault, FileServer

FAST = Patience(timeout_s=1, attempts=5, pause_s=0.01)
INSIDE = {
    "Atraining_normal.zip": ["Atraining_normal/201101070538.wav"],
    "Atraining_murmur.zip": ["Atraining_murmur/201101051104.wav"],
    "Atraining_extrahs.zip": ["Atraining_extrahs/201101152256.wav"],
    "Atraining_artifact.zip": ["Atraining_artifact/201012172012.wav"],
    "Aunlabelledtest.zip": ["Aunlabelledtest/201012172010.wav"],
    "Btraining_normal.zip": [
        "Training B Normal/103_1305031931979_B.wav",
        "Training B Normal/Btraining_noisynormal/101_1305030823364_E.wav",
        "__MACOSX/Training B Normal/._103_1305031931979_B.wav",
        "Training B Normal/.DS_Store",
    ],
    "Btraining_murmur.zip": [
        "Btraining_murmur/112_1306243000964_A.wav",
        "Btraining_murmur/Btraining_noisymurmur/161_1307101199321_A.wav",
    ],
    "Btraining_extrasystole.zip": ["Btraining_extrastole/127_1306764300147_C2.wav"],
    "Bunlabelledtest.zip": ["Bunlabelledtest/100_1305030000000_A.wav"],
}
UNPACKED = {
    "set_a/normal__201101070538.wav": "normal",
    "set_a/murmur__201101051104.wav": "murmur",
    "set_a/extrahls__201101152256.wav": "extrahls",
    "set_a/artifact__201012172012.wav": "artifact",
    "set_a/Aunlabelledtest__201012172010.wav": None,
    "set_b/normal__103_1305031931979_B.wav": "normal",
    "set_b/normal_noisynormal_101_1305030823364_E.wav": "normal",
    "set_b/murmur__112_1306243000964_A.wav": "murmur",
    "set_b/murmur_noisymurmur_161_1307101199321_A.wav": "murmur",
    "set_b/extrastole__127_1306764300147_C2.wav": "extrasystole",
    "set_b/Bunlabelledtest__100_1305030000000_A.wav": None,
}
NORMAL_A = PASCAL.archives[0]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def wav(name):
    """The bytes of a recording whose samples depend on its name."""
    buffer = io.BytesIO()
    samples = (np.arange(2000) * len(name) + sum(map(ord, Path(name).name))).astype(np.int16)
    wavfile.write(buffer, 4000, samples)
    return buffer.getvalue()


def pack(path, names, content=wav):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content(name))
    return path


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "published"
    root.mkdir()
    for archive, names in INSIDE.items():
        pack(root / archive, names)
    with FileServer(root) as running:
        yield running


def bring(server, directory):
    return download(PASCAL, directory, url=server.url, patience=FAST)


def test_the_archives_are_those_of_the_challenge():
    assert {archive.name for archive in PASCAL.archives} == set(INSIDE)
    assert sum(archive.num_recordings for archive in PASCAL.archives) == PASCAL.num_recordings


def test_the_recordings_lie_where_they_are_read(server, tmp_path):
    here = tmp_path / "here"

    result = bring(server, here)

    collection = read_pascal(here)
    assert result.num_fetched == 9
    found = {
        one.path.relative_to(here).as_posix(): one.labels.get("published_class")
        for one in collection.recordings
    }
    assert found == UNPACKED
    noisy = here / "set_b/murmur_noisymurmur_161_1307101199321_A.wav"
    assert noisy.read_bytes() == wav(INSIDE["Btraining_murmur.zip"][1])


def test_another_number_than_published_is_said(server, tmp_path):
    said = [str(problem) for problem in bring(server, tmp_path / "here").problems]

    assert "Btraining_murmur.zip: holds 2 recordings, not 95 as published" in said
    assert len(said) == 9


def test_a_second_download_fetches_nothing_and_mends_what_was_unpacked(server, tmp_path):
    here = tmp_path / "here"
    bring(server, here)
    asked = len(server.requests)
    first, second = (here / name for name in list(UNPACKED)[:2])
    kept = second.read_bytes()
    first.unlink()
    second.write_bytes(kept[:-2] + b"xx")

    assert bring(server, here).num_fetched == 0

    assert len(server.requests) == asked
    assert first.read_bytes() == wav(INSIDE["Atraining_normal.zip"][0])
    assert second.read_bytes() == kept


def test_a_truncated_archive_is_continued(server, tmp_path):
    server.misbehave("Btraining_murmur.zip", Fault(stop_after=300), Fault(stall_after=200))

    bring(server, tmp_path / "here")

    assert server.ranges("Btraining_murmur.zip") == [None, "bytes=300-", "bytes=500-"]
    assert len(read_pascal(tmp_path / "here").recordings) == len(UNPACKED)


def test_a_wrong_byte_in_a_recording_is_found_by_its_crc(server, tmp_path):
    server.misbehave("Atraining_normal.zip", Fault(flip=200))

    bring(server, tmp_path / "here")

    assert server.ranges("Atraining_normal.zip") == [None, None]


def test_a_page_instead_of_an_archive_is_an_error(server, tmp_path):
    (server.root / "Atraining_normal.zip").write_text("<html>moved</html>")

    with pytest.raises(DataError, match=r"Atraining_normal\.zip: arrived whole but wrong, twice"):
        bring(server, tmp_path / "here")


def test_what_is_wrong_with_an_archive(tmp_path):
    whole = pack(tmp_path / "whole.zip", ["a/1.wav"])
    content = bytearray(whole.read_bytes())
    content[100] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(content)
    (tmp_path / "text.zip").write_text("no archive")

    assert broken_archive(whole) == ""
    assert broken_archive(tmp_path / "damaged.zip") != ""
    assert "not a zip archive" in broken_archive(tmp_path / "text.zip")


def test_a_stored_recording_with_a_wrong_byte_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/1.wav", wav("1"))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[500] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)

    assert broken_archive(tmp_path / "a.zip") == "a/1.wav in it does not have its CRC-32"


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pahcl_core.data.download_pascal._LARGEST_BYTES", 5000)
    small = pack(tmp_path / "small.zip", ["a", "b"], content=lambda name: bytes(2500))
    bomb = pack(tmp_path / "bomb.zip", ["a", "b"], content=lambda name: bytes(2501))

    assert broken_archive(small) == ""
    assert "claims to hold 5,002 bytes" in broken_archive(bomb)


def test_names_that_make_no_sense_are_left_out_and_said(tmp_path):
    names = [
        "Atraining_normal/201101070538.wav",
        "Atraining_normal/again/201101070538.wav",
        "Atraining_normal/../../escaped.wav",
        "Atraining_normal/notes.wav",
        "normal__201101080000.wav",
        "readme.txt",
    ]
    path = pack(tmp_path / "a.zip", names)
    root = tmp_path / "deep" / "root"

    problems = [str(problem) for problem in unpack(path, NORMAL_A, root)]

    written = sorted(file.relative_to(root).as_posix() for file in root.rglob("*.wav"))
    assert written == ["set_a/normal__201101070538.wav", "set_a/normal__201101080000.wav"]
    assert sorted(tmp_path.rglob("escaped*")) == []
    assert "set_a/normal__201101070538.wav: is twice in Atraining_normal.zip" in problems
    for name in ("../../escaped.wav", "notes.wav"):
        assert any(name in said and "it was not unpacked" in said for said in problems)


def test_a_recording_that_cannot_be_read_is_said(tmp_path):
    path = pack(tmp_path / "a.zip", ["a/201101070538.wav"], content=lambda name: b"RIFF")

    problems = [str(problem) for problem in unpack(path, NORMAL_A, tmp_path / "root")]

    assert any(said.startswith("set_a/normal__201101070538.wav: ") for said in problems)
