"""Secrets appear nowhere: not in a configuration, not in a message, not in a file of the run."""

import functools
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from pahcl_track import Outcome, Session
from pahcl_track.redaction import is_secret, redacted, redacted_text
from support.trackers import Failing, Recorder

HIDDEN = "[redacted]"


@pytest.fixture(autouse=True)
def _no_secrets_of_this_machine(monkeypatch):
    monkeypatch.setattr("os.environ", {})


@pytest.mark.parametrize(
    "name",
    [
        "password", "db.password", "db_password", "PASSWORD", "PASSWD", "passphrase",
        "api_key", "apiKey", "API-KEY", "APIKey", "apikey", "wandb_apikey", "apikey_wandb",
        "wandb_api_key", "api_key_file", "api_keys", "x-api-key",
        "secret", "SECRET", "client_secret", "secret_key", "secretKey", "secrets",
        "access_key", "aws_access_key_id", "private_key", "auth_key",
        "token", "HF_TOKEN", "hf_token", "accessToken", "auth.token", "token_2",
        "credentials", "credential",
    ],
)  # fmt: skip
def test_names_of_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "num_tokens", "tokens", "max_tokens", "num_memory_tokens", "cls_token_id", "cls_token",
        "use_cls_token", "pad_token", "token_id", "token_type", "token_size", "max_token_length",
        "tokenizer", "tokenization", "drop_token_rate", "mask_token",
        "key", "keys", "monkey", "key_projection", "keyboard", "primary_key", "public_key",
        "secretary", "passed", "bypass", "pass", "author", "authors",
        "lr", "", "3", "access", "api", "learning_rate",
    ],
)  # fmt: skip
def test_names_of_no_secrets(name):
    assert not is_secret(name)


def test_a_configuration_keeps_everything_else():
    config = {
        "lr": 1e-3, "epochs": 5, "amp": True, "name": None, "task": "circor_murmur",
        "num_tokens": 12, "deep": {"er": {"width": [1, 2, {"x": 3}]}}, "path": Path("a/b"),
    }  # fmt: skip

    assert redacted(config) == config | {"path": str(Path("a/b"))}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("slow.api_key=x1", "slow.api_key=[redacted]"),
        ("slow.password = my pass, phrase}", "slow.password = [redacted]"),
        ("lr=1 token=x1 epochs=2", "lr=1 token=[redacted] epochs=2"),
        ("api_key: x1, lr: 3", "api_key: [redacted], lr: 3"),
        ('{"db.password": "x, 1", "lr": 3}', '{"db.password": [redacted], "lr": 3}'),
        ("s3://host/x?token=x1&b=2", "s3://host/x?token=[redacted]"),
        ("a=password=secret=x1", "a=password=[redacted]"),
        ("api_key=[redacted]", "api_key=[redacted]"),
        ("api_key=", "api_key="),
        ("num_tokens=3", "num_tokens=3"),
        ("wandb.mode=offline", "wandb.mode=offline"),
        ("see secrets/ for the token", "see secrets/ for the token"),
    ],
)
def test_secrets_that_a_text_names_itself(text, shown):
    assert redacted({"options": [text], "deep": {"text": text}}) == {
        "options": [shown],
        "deep": {"text": shown},
    }


def test_a_long_text_is_looked_through_in_no_time():
    """Millions of steps, not millions of millions, which would never end."""
    text = "a" * 1_000_000

    assert redacted({"text": text}) == {"text": text}


def test_secrets_are_hidden_at_any_depth():
    config = {
        "api_key": "s1",
        "db": {"password": "s2", "user": "me", "hosts": [{"token": "s3", "port": 1}]},
        "tokens": ["fine"],
        "token": ["s4", "s5"],
        "secret": 123456,
        "keys": [["x", {"api_key": "s6"}]],
    }

    assert redacted(config) == {
        "api_key": HIDDEN,
        "db": {"password": HIDDEN, "user": "me", "hosts": [{"token": HIDDEN, "port": 1}]},
        "tokens": ["fine"],
        "token": [HIDDEN, HIDDEN],
        "secret": HIDDEN,
        "keys": [["x", {"api_key": HIDDEN}]],
    }


def test_everything_under_the_name_of_a_secret_is_hidden():
    """Whatever its own name."""
    assert redacted({"credentials": {"user": "me", "pin": 1234, "deep": {"x": "y"}}}) == {
        "credentials": {"user": HIDDEN, "pin": HIDDEN, "deep": HIDDEN}
    }


def test_that_there_is_none_is_no_secret():
    assert redacted({"api_key": None, "password": "", "use_token": True}) == {
        "api_key": None,
        "password": "",
        "use_token": True,
    }


def test_a_secret_of_any_type_is_hidden():
    assert redacted({"token": np.arange(3), "secret": Path("x"), "password": b"x"}) == {
        "token": HIDDEN,
        "secret": HIDDEN,
        "password": HIDDEN,
    }


@dataclass
class Server:
    host: str = "here"
    api_key: str = "s1"
    more: dict = field(default_factory=lambda: {"password": "s2"})


def test_a_dataclass_is_looked_into():
    """Its text would tell everything."""
    assert redacted({"server": Server()}) == {
        "server": {"host": "here", "api_key": HIDDEN, "more": {"password": HIDDEN}}
    }


class Loss:
    def __call__(self):
        raise AssertionError("called")

    def __str__(self):
        raise AssertionError("printed")


def test_what_can_be_called_is_named_and_never_called():
    def objective():
        raise AssertionError("called")

    names = redacted(
        {"f": objective, "c": Loss, "o": Loss(), "b": len, "p": functools.partial(objective)}
    )

    here = __name__
    assert names == {
        "f": f"{here}.test_what_can_be_called_is_named_and_never_called.<locals>.objective",
        "c": f"{here}.Loss",
        "o": f"{here}.Loss",
        "b": "builtins.len",
        "p": "functools.partial",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://me:s3cret@host:5432/db", "postgres://[redacted]@host:5432/db"),
        ("https://token@host/path", "https://[redacted]@host/path"),
        ("see git+ssh://git:x@host, please", "see git+ssh://[redacted]@host, please"),
        ("postgres://me:p@ss@host/db", "postgres://[redacted]@host/db"),
        ("http://a:b@x http://c:d@y", "http://[redacted]@x http://[redacted]@y"),
        ("http://a:b@x,http://c:d@y", "http://[redacted]@x,http://[redacted]@y"),
        ("HTTPS://A:B@host", "HTTPS://[redacted]@host"),
        ("https://host/path@v1", "https://host/path@v1"),
        ("https://host?mail=a@b", "https://host?mail=a@b"),
        ("https://host#a@b", "https://host#a@b"),
        ("me@example.org", "me@example.org"),
        ("https://host:80/", "https://host:80/"),
        ("", ""),
    ],
)
def test_what_stands_before_the_at_of_an_address(text, shown):
    assert redacted_text(text) == shown
    assert redacted({"url": text, "urls": [text]}) == {"url": shown, "urls": [shown]}


VARIABLES = [
    "WANDB_API_KEY", "HF_TOKEN", "MY_SECRET", "PGPASSWORD", "DB_PASSWD", "AWS_SECRET_ACCESS_KEY",
    "SECRET_KEY", "GPG_PASSPHRASE", "service_apikey", "SSH_PRIVATE_KEY",
]  # fmt: skip


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_the_environment_calls_a_secret_is_hidden_wherever_it_is(variable, monkeypatch):
    monkeypatch.setattr("os.environ", {variable: "hunter2-hunter2"})

    assert redacted_text("no: hunter2-hunter2!") == "no: [redacted]!"
    assert redacted({"argv": ["--key", "hunter2-hunter2"], "n": "hunter2"}) == {
        "argv": ["--key", HIDDEN],
        "n": "hunter2",
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HOME", "hunter2-hunter2"), ("HF_TOKEN", "1234567"), ("TOKENIZERS", "hunter2-hunter2")],
)
def test_what_is_short_or_called_otherwise_is_not(variable, value, monkeypatch):
    """Seven letters turn up by chance."""
    monkeypatch.setattr("os.environ", {variable: value})

    assert redacted_text(f"no: {value}!") == f"no: {value}!"


def test_a_secret_that_begins_with_another_is_hidden_whole(monkeypatch):
    secrets = [f"hunter2-{'x' * number}" for number in range(1, 12)]
    monkeypatch.setattr("os.environ", {f"A{n}_TOKEN": one for n, one in enumerate(secrets)})

    assert redacted_text(" ".join(secrets)) == " ".join([HIDDEN] * 11)


SECRET = "hunter2-hunter2"
ADDRESS = "postgres://me:s3cret-s3cret@host/db"


def test_no_file_of_the_run_holds_a_secret(make_run, monkeypatch, tmp_path):
    """Nor does the log that a program keeps in the run's directory, tracebacks and all."""
    monkeypatch.setattr("os.environ", {"WANDB_API_KEY": SECRET})
    error = ConnectionError(f"{ADDRESS}: refused {SECRET}\nsecond line {SECRET}")
    logger = logging.getLogger("pahcl_track")
    (tmp_path / "run").mkdir()
    handler = logging.FileHandler(tmp_path / "run" / "train.log")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.addHandler(handler)

    class Forgetful(Recorder):
        def position(self):
            raise error

    class Device:
        device = type("Device", (), {"type": "cuda"})

        def __init__(self, lost):
            self.lost = lost

        def item(self):
            raise self.lost

    trackers = {
        "broken": Failing(error, "log", "finish"),
        "absent": Failing(error, "start"),
        "forgetful": Forgetful(),
    }
    config = {"api_key": "own-secret", "url": ADDRESS, "argv": [f"--key={SECRET}"]}
    try:
        for resumed_from in (None, 0):
            session = Session(trackers)
            session.start(make_run(config=config, resumed_from_step=resumed_from))
            session.log({"a": 0.5}, step=1)
            session.log({"d": Device(error), SECRET[:3]: "text"}, step=1)
            session.log({"d": Device(SystemExit(*error.args))}, step=1)
            session.finish(Outcome(status="failed", error=str(error)))
    finally:
        logger.removeHandler(handler)
        handler.close()

    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {"journal.jsonl", "train.log"} <= {path.name for path in files}
    content = b"".join(path.read_bytes() for path in files)
    for secret in (SECRET, "own-secret", "s3cret-s3cret"):
        assert secret.encode() not in content
    assert b"ConnectionError: postgres://[redacted]@host/db: refused [redacted]" in content
    assert b"second line [redacted]" in content  # of a traceback
    assert b"Traceback" in content


def test_trackers_are_told_no_secret(make_run, monkeypatch):
    monkeypatch.setattr("os.environ", {"HF_TOKEN": SECRET})
    tracker = Recorder()
    session = Session({"mine": tracker})
    config = {"api_key": "own-secret", "argv": [SECRET], "lr": 0.1}
    session.start(make_run(config=config, notes=f"from {ADDRESS}"))
    session.finish(Outcome(status="failed", error=f"{ADDRESS} {SECRET}"))

    assert tracker.run.config == {"api_key": HIDDEN, "argv": [HIDDEN], "lr": 0.1}
    assert tracker.run.notes == "from postgres://[redacted]@host/db"
    assert tracker.outcome.error == "postgres://[redacted]@host/db [redacted]"


def test_the_account_of_a_refusal_holds_no_secret(make_run, monkeypatch, completed):
    monkeypatch.setattr("os.environ", {"HF_TOKEN": SECRET})
    session = Session({"mine": Failing(ValueError(f"bad key {SECRET}"), "start")})
    session.start(make_run())
    session.finish(completed)

    assert session.accounts()[0].refusal == "cannot start: ValueError: bad key [redacted]"
