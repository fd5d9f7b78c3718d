"""`pahcl doctor`: what it finds, what it says to do, what it never says, and that it ends."""

import json
import os
import threading
import tomllib
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pahcl_cli import doctor_checks, doctor_wandb
from pahcl_cli.doctor import Finding, examined, finding_lines

OK = Finding(name="a", state="ok", said="fine")


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A home without a key, and no trials of trackers, which have tests of their own."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor_checks, "trackers", lambda: [OK])


@pytest.fixture
def wandb_at(monkeypatch):
    """What wandb's settings say."""
    pytest.importorskip("wandb", reason="needs the wandb client")
    import wandb

    def set_to(**values):
        settings = namedtuple("Settings", values)(**values)
        monkeypatch.setattr(wandb, "setup", lambda: namedtuple("Setup", "settings")(settings))

    return set_to


def by_name(findings):
    return {one.name: one for one in findings}


def test_every_part_is_looked_at(cli, circor, wandb_at, tmp_path):
    wandb_at(mode="offline", base_url="https://api.wandb.ai")

    shown = cli("doctor", "--data", f"circor={circor}", "--output-dir", tmp_path)
    told = cli("doctor", "--data", f"circor={circor}", "--output-dir", tmp_path, "--json")

    assert (shown.exit_code, told.exit_code) == (0, 0), shown.output
    content = json.loads(told.stdout)
    checks = {one["name"]: one for one in content["checks"]}
    assert content["ok"] is True
    assert {
        "python", "pahcl", "torch", "device", "precision", "threads", "wandb mode", "disk, runs",
        "disk, temporary", "data circor", "optuna", "matplotlib",
    } <= checks.keys()  # fmt: skip
    assert checks["data circor"]["said"].endswith("of 16 subjects, synthetic")
    assert checks["pahcl"]["said"].startswith("pahcl ")
    for name, one in checks.items():
        assert any(line.split("  ")[2:3] and name in line for line in shown.stdout.splitlines())
        assert (one["remedy"] is None) or one["state"] != "ok" or name == "wandb mode"


def test_what_is_broken_is_said_with_its_remedy_and_fails(cli, wandb_at, tmp_path):
    wandb_at(mode="offline", base_url="https://api.wandb.ai")

    result = cli("doctor", "--data", f"circor={tmp_path}", "--output-dir", tmp_path)

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (place,) = [n for n, line in enumerate(lines) if "data circor" in line]
    assert lines[place].startswith("broken")
    assert "→ check the path; pahcl data download circor fetches it" in lines[place + 1]
    assert lines[-1].startswith("1 broken")


def test_a_damaged_collection_is_a_warning(circor, tmp_path):
    import shutil

    shutil.copytree(circor, tmp_path / "c")
    next((tmp_path / "c" / "training_data").glob("*.wav")).write_bytes(b"RIFF")

    (found,) = doctor_checks.collection("circor", tmp_path / "c")

    assert found.state == "warning"
    assert found.said.endswith("1 things cannot be used")
    assert found.remedy == f"pahcl data check {tmp_path / 'c'} names them"


def test_versions_that_differ(monkeypatch):
    def version(name):
        if name == "pahcl-track":
            raise PackageNotFoundError(name)
        return {"pahcl": "0.2.0", "pahcl-core": "0.1.0"}[name]

    monkeypatch.setattr(doctor_checks, "version", version)

    (found,) = doctor_checks.distributions()

    assert found.state == "broken"
    assert found.said == "pahcl 0.2.0, pahcl-core 0.1.0, pahcl-track not installed"
    assert "pip install" in found.remedy


def test_what_is_optional_and_not_there(monkeypatch):
    def version(name):
        if name == "optuna":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor_checks, "version", version)

    found = by_name(doctor_checks.extras())

    assert (found["optuna"].state, found["optuna"].said) == ("note", "not installed: no sweeps")
    assert found["optuna"].remedy == "pip install 'pahcl[search]'"
    assert found["matplotlib"].state == "ok"


def test_extras_are_those_of_the_distribution():
    """So that what is said to install can be installed."""
    project = tomllib.loads((Path(__file__).parents[2] / "apps/cli/pyproject.toml").read_text())

    known = project["project"]["optional-dependencies"]
    assert {extra for extra, _ in doctor_checks._EXTRAS.values()} == set(known)


@pytest.mark.parametrize(
    ("free", "state"), [(2**40, "ok"), (5 * 2**30, "warning"), (2**28, "broken")]
)
def test_room_on_the_disk(monkeypatch, tmp_path, free, state):
    usage = namedtuple("Usage", "total used free")(2**41, 0, free)
    monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda path: usage)

    (found,) = doctor_checks.disk({"runs": tmp_path / "not" / "there"})

    assert found.state == state
    assert (found.remedy != "") == (state != "ok")


def test_a_folder_that_is_not_to_be_written_to(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor_checks.os, "access", lambda path, mode: False)

    (found,) = doctor_checks.disk({"runs": tmp_path})

    assert (found.state, found.said) == ("broken", f"{tmp_path}: cannot be written to")


@pytest.mark.parametrize("below", ["", "runs", "runs/of/mine"])
def test_a_file_where_a_folder_is_to_be(tmp_path, below):
    (tmp_path / "notes").write_text("")

    (found,) = doctor_checks.disk({"runs": tmp_path / "notes" / below})

    assert (found.state, found.said) == ("broken", f"{tmp_path}/notes: is no folder")
    assert found.remedy == "give another folder: --output-dir"


def test_a_folder_that_nobody_may_look_into(monkeypatch, tmp_path):
    """What is below it may be there or not; nothing can be written there in any case."""
    closed = tmp_path / "closed"
    closed.mkdir()
    for call in ("stat", "lstat"):
        there = getattr(os, call)

        def refused(path, *, there=there, **options):
            if str(path).startswith(f"{closed}/"):
                raise PermissionError(13, "Permission denied", str(path))
            return there(path, **options)

        monkeypatch.setattr(os, call, refused)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and access(path, mode))

    (found,) = doctor_checks.disk({"runs": closed / "runs"})

    assert (found.state, found.said) == ("broken", f"{closed}: cannot be written to")


def test_more_threads_than_cores():
    assert doctor_checks._threads(1).state == "ok"
    found = doctor_checks._threads(10_000)
    assert found.state == "warning"
    assert "OMP_NUM_THREADS=" in found.remedy


def test_a_torch_that_cannot_be_imported(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)

    (found,) = doctor_checks.torch_and_device()

    assert found.state == "broken"
    assert "torch" in found.said


def test_a_mode_that_w_and_b_does_not_know(monkeypatch):
    """In its own words it is told once, in four lines, and then taken for online."""
    pytest.importorskip("wandb", reason="needs the wandb client")
    monkeypatch.setenv("WANDB_MODE", "ofline")

    for _ in range(2):
        (found,) = doctor_wandb.wandb_findings()
        assert (found.name, found.state) == ("wandb mode", "broken")
        assert found.said == "WANDB_MODE=ofline: W&B knows no such mode"
        assert "offline" in found.remedy


def test_settings_that_w_and_b_refuses(monkeypatch):
    pytest.importorskip("wandb", reason="needs the wandb client")
    import wandb

    def refused():
        raise ValueError("1 validation error\nbase_url\n  no address")

    monkeypatch.setattr(wandb, "setup", refused)

    (found,) = doctor_wandb.wandb_findings()

    assert found.state == "broken"
    assert found.said == "its settings make no sense: 1 validation error base_url no address"
    assert "WANDB_*" in found.remedy


@pytest.mark.parametrize("mode", doctor_wandb._MODES)
def test_all_modes_that_w_and_b_knows_are_known(mode):
    pytest.importorskip("wandb", reason="needs the wandb client")
    import wandb

    assert wandb.Settings(mode=mode).mode


def test_not_logged_in(wandb_at):
    wandb_at(mode="online", base_url="https://api.wandb.ai")

    found = by_name(doctor_wandb.wandb_findings())

    assert found["wandb login"].state == "warning"
    assert "wandb login" in found["wandb login"].remedy
    assert "wandb server" not in found


@pytest.mark.parametrize("source", ["environment", "netrc"])
def test_a_key_is_found_and_never_shown(wandb_at, monkeypatch, tmp_path, source):
    """Nobody listens on that port, which is a warning with a remedy, and no key."""
    wandb_at(mode="online", base_url="http://127.0.0.1:9")
    key = "0123456789abcdef" * 3
    if source == "environment":
        monkeypatch.setenv("WANDB_API_KEY", key)
    else:
        (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login user password {key}\n")
        (tmp_path / ".netrc").chmod(0o600)

    found = by_name(doctor_wandb.wandb_findings())

    assert found["wandb login"].state == "ok"
    assert found["wandb server"].state == "warning"
    assert "127.0.0.1 does not answer" in found["wandb server"].said
    assert key not in str(found)


def test_a_check_that_hangs_is_left_behind():
    forever = threading.Event()

    found = examined(
        [("stuck", lambda: [OK] if forever.wait() else []), ("next", lambda: [OK])],
        patience_s=0.1,
    )
    forever.set()

    assert [one.state for one in found] == ["broken", "ok"]
    assert found[0].said == "did not answer within 0.1 s"


def test_a_check_that_fails_costs_itself_and_tells_no_secret(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "f" * 40)

    def fails():
        raise RuntimeError("denied for " + "f" * 40)

    found = examined([("bad", fails), ("next", lambda: [OK])])

    assert [one.state for one in found] == ["broken", "ok"]
    assert found[0].said.startswith("RuntimeError: denied for ")
    assert "f" * 40 not in found[0].said


def test_all_is_well():
    assert finding_lines([OK]) == ["ok       a  fine", "", "all is well"]
