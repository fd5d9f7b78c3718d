"""`pahcl data download`."""

import hashlib
import json
import signal
import time

import pytest

from pahcl_core.data.circor import read_circor
from support.cli_process import run, run_in_terminal, start
from support.file_server import Fault, FileServer

LIST = "SHA256SUMS.txt"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def published(circor):
    """The synthetic collection with a checksum list."""
    files = [path for path in sorted(circor.rglob("*")) if path.is_file() and path.name != LIST]
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(circor).as_posix()}\n"
        for path in files
    ]
    (circor / LIST).write_text("".join(lines))
    yield circor
    (circor / LIST).unlink()


@pytest.fixture
def server(published):
    with FileServer(published) as running:
        yield running


def test_download_then_read(cli, server, published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    first = cli("data", "download", "circor", "--url", server.url)
    second = cli("data", "download", "circor", "--url", server.url, "--json")

    assert first.exit_code == second.exit_code == 0, first.stderr
    files = len((published / LIST).read_text().splitlines())
    assert f"circor: {files} files, complete and verified; {files} fetched, 0 here" in first.stdout
    assert "recordings, not 3163 as published" in first.stdout
    content = json.loads(second.stdout)
    assert (content["num_files"], content["num_fetched"]) == (files, 0)
    assert content["licence"].startswith("Open Data Commons Attribution License")
    assert read_circor(tmp_path / "circor").subjects == read_circor(published).subjects


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("circor", ["ODC-By", "Oliveira", "Goldberger", "none needed", "SHA-256"]),
        ("physionet2016", ["ODC-By", "Liu et al.", "Goldberger", "none needed", "SHA-256"]),
        ("pascal", ["none is named", "Bentley", "none needed", "no checksum list is published"]),
    ],
)
def test_terms_are_shown_before_anything_is_fetched(cli, tmp_path, name, said):
    """Shown even though the server has nothing."""
    (tmp_path / "empty").mkdir()
    with FileServer(tmp_path / "empty") as server:
        result = cli("data", "download", name, tmp_path / "here", "--url", server.url)

    assert result.exit_code == 1
    terms, _, error = result.stderr.partition("error: ")
    for part in said:
        assert part in terms
    assert "HTTP 404" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["circorr"], ["'circorr'", "'circor'?", "physionet2016", "pascal"]),
        (["circor", "--url", "ftp://example.org"], ["--url", "https://"]),
        (["circor", "--connections", "0"], ["connections must be 1 to 16, got 0"]),
        (["circor", "--timeout", "-1"], ["timeout_s must be positive, got -1"]),
    ],
)
def test_wrong_usage(cli, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)

    result = cli("data", "download", *arguments)

    assert result.exit_code == 2
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith("error: ")
    for part in parts:
        assert part in error
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(server, published, tmp_path):
    """One file's server is silent for much longer than a person waits."""
    name = next(iter(published.glob("training_data/*.wav"))).relative_to(published).as_posix()
    server.misbehave(name, Fault(stall_after=1000))
    command = ("data", "download", "circor", "here", "--url", server.url)
    process = start(tmp_path, *command, "--timeout", "600")
    part = tmp_path / "here" / f"{name}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size == 1000) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)

    assert process.returncode == 130, error
    assert "interrupted; what was written so far is kept" in error
    assert part.read_bytes() == (published / name).read_bytes()[:1000]

    again = run(tmp_path, *command)

    assert again.returncode == 0, again.stderr
    assert server.ranges(name) == [None, "bytes=1000-"]
    for path in published.rglob("*.*"):
        assert (tmp_path / "here" / path.relative_to(published)).read_bytes() == path.read_bytes()


def test_a_terminal_shows_a_bar(server, tmp_path):
    shown = run_in_terminal(tmp_path, ["data", "download", "circor", "here", "--url", server.url])

    assert "downloading: " in shown
    assert "it/s" in shown
