"""Checksum lists are read as sha256sum reads them, and lead nowhere but into their folder."""

import shutil
import subprocess

import pytest

from pahcl_core.data.download_checksums import differs, read_checksums
from pahcl_core.errors import DataError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""Of the three bytes `abc`: FIPS 180-2, appendix B.1."""


@pytest.fixture
def write(tmp_path):
    def lines(*lines):
        path = tmp_path / "SHA256SUMS.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    return lines


def test_lines_as_published(write):
    path = write(
        f"{ABC}  LICENSE.txt",
        f"{'0' * 64} *training_data/1_AV.wav",
        "",
        f"{ABC.upper()}  ./a b.txt",
    )

    assert list(read_checksums(path).items()) == [
        ("LICENSE.txt", ABC),
        ("training_data/1_AV.wav", "0" * 64),
        ("a b.txt", ABC),
    ]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="the system has no sha256sum")
def test_a_list_written_by_sha256sum(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "心音.wav").write_bytes(b"abc")
    made = subprocess.run(
        ["sha256sum", "d/心音.wav"], cwd=tmp_path, capture_output=True, check=True
    )
    (tmp_path / "list").write_bytes(made.stdout)

    assert read_checksums(tmp_path / "list") == {"d/心音.wav": ABC}


@pytest.mark.parametrize(
    "file",
    [
        "../x.wav", "a/../../x.wav", "/etc/passwd", "a//b", "a/./b", "..", "C:/x.wav", "..\\x.wav",
        "a\tb", "a/",
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(write, file):
    path = write(f"{ABC}  LICENSE.txt", f"{ABC}  {file}")

    with pytest.raises(DataError, match=r"SHA256SUMS\.txt, line 2: .* leads out of the folder"):
        read_checksums(path)


@pytest.mark.parametrize(
    "line", ["<html>", f"{ABC[:-1]}  a.wav", f"{ABC} a.wav", f"{ABC}  ", f"g{ABC[1:]}  a.wav"]
)
def test_a_line_of_another_form_is_refused(write, line):
    with pytest.raises(DataError, match=r"line 1: is not '<sha256>  <path>'"):
        read_checksums(write(line))


def test_a_file_named_twice_is_refused(write):
    with pytest.raises(DataError, match=r"line 2: names 'a\.wav' again"):
        read_checksums(write(f"{ABC}  a.wav", f"{'0' * 64}  ./a.wav"))


def test_an_empty_list_is_refused(write):
    with pytest.raises(DataError, match="names no file"):
        read_checksums(write(""))


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "list").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DataError, match="list: cannot be read as a checksum list"):
        read_checksums(tmp_path / "list")


def test_differs(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "abd").write_bytes(b"abd")

    assert differs(tmp_path / "abc", ABC) == ""
    assert f"not {ABC} as in the list" in differs(tmp_path / "abd", ABC)
