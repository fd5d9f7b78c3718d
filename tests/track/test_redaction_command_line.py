"""Whether a program was called with a secret, which W&B would keep with the command line."""

import pytest

from pahcl_track.redaction import tells_secret


@pytest.fixture(autouse=True)
def _one_known_secret(monkeypatch):
    monkeypatch.setattr("os.environ", {"HF_TOKEN": "abcdefgh12"})


@pytest.mark.parametrize(
    "command_line",
    [
        ["--api-key", "x1"],
        ["--api_key=x1"],
        ["train", "--set", "db.password=x1"],
        ["--set", '{"optimiser.lr": 0.1, "db.password": "x1"}'],
        ["https://me:x1@example.org/data"],
        ["--data-dir=https://example.org/data?token=x1"],
        ["--data-dir=s3://me:x1@host/data"],
        ["--name", "before-abcdefgh12-after"],
        ["--verbose", "--token", "x1"],
    ],
)
def test_with_a_secret(command_line):
    assert tells_secret(command_line)


@pytest.mark.parametrize(
    "command_line",
    [
        [],
        ["finetune", "circor_murmur", "--set", "training.epochs=1"],
        ["--set", '{"optimiser.lr": 0.1, "model.num_tokens": 3}'],
        ["--num-tokens", "12", "--password="],
        ["https://example.org/password"],
        ["me@example.org"],
        ["password", "x1"],
        ["--lr=0.1", "token"],
        ["--name=token", "x1"],
    ],
)
def test_without_a_secret(command_line):
    assert not tells_secret(command_line)
