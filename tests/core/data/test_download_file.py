"""One file comes over whole and right, whatever the server does, or it is said why not."""

import hashlib
import http.client
import shutil
import subprocess
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pahcl_core.data.download_file import (
    Patience,
    Stopped,
    TransferError,
    _NoDowngrade,
    _tls_context,
    fetch,
    part_of,
)
from pahcl_core.errors import DataError, SettingError
from support.file_server import Fault, FileServer

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes: several reads
FAST = Patience(timeout_s=3, attempts=3, pause_s=0.01, longest_pause_s=0.5)
ALWAYS = float("inf")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "published"
    root.mkdir()
    (root / "a.wav").write_bytes(CONTENT)
    with FileServer(root) as running:
        yield running


@pytest.fixture
def bring(server, tmp_path):
    """Fetch `a.wav` and give its path."""

    def run(*, check=None, patience=FAST, stop=None, name="a.wav"):
        path = tmp_path / "here" / name
        fetch(
            server.url + name,
            path,
            check=check,
            patience=patience,
            stop=stop or threading.Event(),
        )
        return path

    return run


def right(path):
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return "" if found == hashlib.sha256(CONTENT).hexdigest() else "it is another file"


def begun(tmp_path, content):
    part = tmp_path / "here" / "a.wav.part"
    part.parent.mkdir()
    part.write_bytes(content)
    return part


@pytest.mark.parametrize("check", [None, right])
def test_a_file_comes_over(bring, server, check):
    path = bring(check=check)

    assert path.read_bytes() == CONTENT
    assert not part_of(path).exists()
    assert server.ranges("a.wav") == [None]


@pytest.mark.parametrize("check", [None, right])
def test_a_connection_closed_early_is_continued(bring, server, check):
    server.misbehave("a.wav", Fault(stop_after=100_000), Fault(stop_after=50_000))

    path = bring(check=check)

    assert path.read_bytes() == CONTENT
    assert server.ranges("a.wav") == [None, "bytes=100000-", "bytes=150000-"]


@pytest.mark.parametrize("known_total", [True, False])
def test_a_continuation_that_lacks_its_last_byte(bring, server, tmp_path, known_total):
    """Without a checksum, the range that the server names says where the file ends."""
    begun(tmp_path, CONTENT[:1000])
    headers = {} if known_total else {"Content-Range": f"bytes 1000-{len(CONTENT) - 1}/*"}
    server.misbehave("a.wav", Fault(stop_after=len(CONTENT) - 1001, headers=headers))

    assert bring().read_bytes() == CONTENT
    assert server.ranges("a.wav") == ["bytes=1000-", f"bytes={len(CONTENT) - 1}-"]


def test_a_silent_server_is_left_and_asked_for_the_rest(bring, server):
    server.misbehave("a.wav", Fault(stall_after=100_000))

    path = bring(check=right, patience=Patience(timeout_s=0.4, attempts=3, pause_s=0.01))

    assert path.read_bytes() == CONTENT
    assert server.ranges("a.wav") == [None, "bytes=100000-"]


def test_progress_renews_the_patience(bring, server):
    """Six interruptions are more than three attempts, but each brought something."""
    server.misbehave("a.wav", Fault(stop_after=40_000, times=6))

    assert bring(check=right).read_bytes() == CONTENT


def test_an_interrupted_file_is_continued(bring, server, tmp_path):
    begun(tmp_path, CONTENT[:12_345])

    assert bring(check=right).read_bytes() == CONTENT
    assert server.ranges("a.wav") == ["bytes=12345-"]


@pytest.mark.parametrize("check", [None, right])
def test_a_part_that_is_whole_is_not_fetched_again(bring, server, tmp_path, check):
    begun(tmp_path, CONTENT)

    assert bring(check=check).read_bytes() == CONTENT
    assert server.ranges("a.wav") == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("check", [None, right])
def test_a_part_longer_than_the_file_is_thrown_away(bring, tmp_path, check):
    begun(tmp_path, CONTENT + b"more")

    assert bring(check=check).read_bytes() == CONTENT


def test_a_wrong_beginning_is_found_and_fetched_anew(bring, server, tmp_path):
    begun(tmp_path, b"\xff" * 1000)

    assert bring(check=right).read_bytes() == CONTENT
    assert server.ranges("a.wav") == ["bytes=1000-", None]


@pytest.mark.parametrize("check", [None, right])
def test_a_server_that_ignores_range_sends_the_whole_once(bring, server, tmp_path, check):
    begun(tmp_path, CONTENT[:12_345])
    server.misbehave("a.wav", Fault(ignore_range=True))

    assert bring(check=check).read_bytes() == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize("check", [None, right])
def test_another_range_than_the_one_asked_for_is_not_appended(bring, server, tmp_path, check):
    begun(tmp_path, CONTENT[:1000])
    server.misbehave("a.wav", Fault(shift_range=7))

    assert bring(check=check).read_bytes() == CONTENT


def test_a_length_that_is_too_long_does_not_matter_where_a_checksum_says_it_is_whole(bring, server):
    server.misbehave("a.wav", Fault(promise=5000, times=ALWAYS))

    assert bring(check=right).read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_a_length_that_is_too_long_without_a_checksum(bring, server):
    """The server itself says at the second request that there is no more."""
    server.misbehave("a.wav", Fault(promise=5000))

    assert bring().read_bytes() == CONTENT
    assert server.ranges("a.wav") == [None, f"bytes={len(CONTENT)}-"]


def test_a_length_that_is_too_short_is_seen_by_the_checksum(bring, server):
    server.misbehave("a.wav", Fault(promise=-5000))

    assert bring(check=right).read_bytes() == CONTENT
    assert server.ranges("a.wav") == [None, None]


def test_a_body_without_a_length(bring, server):
    server.misbehave("a.wav", Fault(no_length=True))

    assert bring(check=right).read_bytes() == CONTENT


def test_a_wrong_byte_is_fetched_again_once(bring, server):
    server.misbehave("a.wav", Fault(flip=200_000))

    assert bring(check=right).read_bytes() == CONTENT
    assert server.ranges("a.wav") == [None, None]


def test_a_byte_that_stays_wrong_is_an_error_that_names_the_file(bring, server, tmp_path):
    server.misbehave("a.wav", Fault(flip=200_000, times=ALWAYS))

    with pytest.raises(TransferError, match=r"a\.wav: arrived whole but wrong, twice: .* another"):
        bring(check=right)

    assert len(server.requests) == 2
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_temporary_refusal_is_tried_again(bring, server, status):
    server.misbehave("a.wav", Fault(status=status, times=2))

    assert bring(check=right).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_a_lasting_refusal_ends_after_the_attempts(bring, server):
    server.misbehave("a.wav", Fault(status=503, times=ALWAYS))

    with pytest.raises(TransferError, match=r"a\.wav: HTTP 503 .*; tried 3 times"):
        bring(check=right)

    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "account"), (403, "public address"), (404, "--url"), (410, "Gone")]
)
def test_a_final_refusal_is_not_tried_again(bring, server, status, remedy):
    server.misbehave("a.wav", Fault(status=status))

    with pytest.raises(TransferError, match=rf"a\.wav: HTTP {status}.*{remedy}"):
        bring(check=right)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "later",
    [
        lambda then: "3600",
        lambda then: format_datetime(then, usegmt=True),
        lambda then: format_datetime(then).replace("+0000", "-0000"),
    ],
    ids=["seconds", "date", "date without zone"],
)
def test_a_server_that_wants_an_hour_is_not_waited_for(bring, server, later):
    then = datetime.now(UTC) + timedelta(seconds=3600)
    server.misbehave("a.wav", Fault(status=503, headers={"Retry-After": later(then)}))

    with pytest.raises(TransferError, match=r"HTTP 503 .*come back in 3[56]\d\d s"):
        bring(check=right)

    assert len(server.requests) == 1


@pytest.mark.parametrize("later", ["0", "soon", "Mon, 01 Jan 2024 00:00:00 GMT"])
def test_a_server_that_says_when_is_asked_again(bring, server, later):
    server.misbehave("a.wav", Fault(status=503, headers={"Retry-After": later}))

    assert bring(check=right).read_bytes() == CONTENT


def test_the_time_a_server_asks_for_is_waited(bring, server, monkeypatch):
    waits = []
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda seconds: waits.append(seconds) or False)
    server.misbehave(
        "a.wav", Fault(status=503, headers={"Retry-After": "7"}), Fault(status=500, times=2)
    )
    patience = Patience(timeout_s=1, attempts=4, pause_s=3, longest_pause_s=10)

    bring(check=right, stop=stop, patience=patience)

    assert waits == [7, 6, 10]  # asked for; then 3 doubled with each attempt, up to the longest


def test_a_redirection_keeps_the_range(bring, server, tmp_path):
    begun(tmp_path, CONTENT[:1000])
    (server.root / "moved.wav").write_bytes(CONTENT)
    server.misbehave("a.wav", Fault(status=302, headers={"Location": server.url + "moved.wav"}))

    assert bring(check=right).read_bytes() == CONTENT
    assert server.ranges("moved.wav") == ["bytes=1000-"]


def test_a_redirection_without_end(bring, server):
    server.misbehave(
        "a.wav", Fault(status=302, headers={"Location": server.url + "a.wav"}, times=ALWAYS)
    )

    with pytest.raises(TransferError, match=r"a\.wav: HTTP 302 .*loop"):
        bring(check=right)


def test_a_redirection_from_encrypted_to_plain_is_refused():
    request = urllib.request.Request("https://example.org/a.wav")
    answer = (None, 302, "Found", http.client.HTTPMessage())

    kept = _NoDowngrade().redirect_request(request, *answer, "https://example.org/b.wav")
    assert kept.full_url == "https://example.org/b.wav"
    with pytest.raises(TransferError, match=r"redirects to http://example\.org/a\.wav.*encrypted"):
        _NoDowngrade().redirect_request(request, *answer, "http://example.org/a.wav")


def test_nobody_listens(tmp_path):
    with FileServer(tmp_path) as gone:
        pass

    with pytest.raises(TransferError, match=r"a\.wav: cannot be reached .*HTTPS_PROXY; tried 3"):
        fetch(
            gone.url + "a.wav",
            tmp_path / "a.wav",
            check=None,
            patience=FAST,
            stop=threading.Event(),
        )


def test_the_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", f"http://someone:secret@{server.host}")
    path = tmp_path / "a.wav"

    fetch(
        "http://far.invalid/files/a.wav",
        path,
        check=right,
        patience=FAST,
        stop=threading.Event(),
    )

    assert path.read_bytes() == CONTENT
    headers = dict(server.requests)["a.wav"]
    assert headers["Host"] == "far.invalid"
    assert headers["Proxy-Authorization"] == "Basic c29tZW9uZTpzZWNyZXQ="  # someone:secret


@pytest.fixture
def certificate(tmp_path):
    """Of 127.0.0.1, signed by itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the system has no openssl to make a certificate")
    path = tmp_path / "certificate.pem"
    options = [
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(path), "-out", str(tmp_path / "public.pem")]
    subprocess.run([openssl, "req", *options, *subject, *files], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "public.pem").read_text())
    _tls_context.cache_clear()
    yield path
    _tls_context.cache_clear()


def fetch_encrypted(server, path):
    fetch(server.url + "a.wav", path, check=right, patience=FAST, stop=threading.Event())


def test_an_encrypted_server_is_trusted_by_its_certificate(
    server, certificate, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))

    with FileServer(server.root, certificate=certificate) as encrypted:
        fetch_encrypted(encrypted, tmp_path / "a.wav")

    assert encrypted.url.startswith("https://")
    assert (tmp_path / "a.wav").read_bytes() == CONTENT


def test_a_certificate_nobody_vouches_for_is_refused_at_once(server, certificate, tmp_path):
    with (
        FileServer(server.root, certificate=certificate) as encrypted,
        pytest.raises(
            TransferError, match=r"a\.wav: its certificate is not trusted.*SSL_CERT_FILE"
        ),
    ):
        fetch_encrypted(encrypted, tmp_path / "a.wav")

    assert encrypted.requests == []


def test_told_to_stop_between_attempts_it_keeps_the_part(bring, server, tmp_path):
    stop = threading.Event()
    server.misbehave("a.wav", Fault(stop_after=100_000))

    def unfinished(part):
        stop.set()
        return "it is not whole"

    with pytest.raises(Stopped):
        bring(check=unfinished, stop=stop)

    assert (tmp_path / "here" / "a.wav.part").read_bytes() == CONTENT[:100_000]


def test_told_to_stop_in_the_middle_it_keeps_the_part(bring, tmp_path):
    stop = threading.Event()
    stop.set()

    with pytest.raises(Stopped):
        bring(check=right, stop=stop)

    kept = (tmp_path / "here" / "a.wav.part").read_bytes()
    assert 0 < len(kept) < len(CONTENT)
    assert CONTENT.startswith(kept)


def test_a_disk_that_refuses_is_not_taken_for_the_network(bring, server, tmp_path):
    (tmp_path / "here").write_text("a file where the folder should be")

    with pytest.raises(DataError, match=r"here/a\.wav: cannot be written: ") as caught:
        bring(check=right)

    assert not isinstance(caught.value, TransferError)
    assert server.requests == []


def test_patience_that_makes_no_sense():
    with pytest.raises(SettingError, match="timeout_s must be positive, got 0"):
        Patience(timeout_s=0)
    with pytest.raises(SettingError, match="attempts must be at least 1, got 0"):
        Patience(attempts=0)
