"""What is promised of a tracker in a session, which is how programs use it."""

import math
from pathlib import Path
from typing import Any

import pytest

from pahcl_track.session import Session
from pahcl_track.testing.ground import COMPLETED, Ground, Rows, run_in

_NAME = "tested"
_LONGEST_S = 120.0


class SessionPromised(Ground):
    """Promises that need a `pahcl_track.Session` around the tracker."""

    def test_a_session_delivers_everything(self, directory: Path) -> None:
        """Every row and every file, without a failure, and it says so at the end."""
        (directory / "best_model.pt").write_bytes(b"weights")
        rows: Rows = [(step, {"train/loss": step / 8, "lr": 0.5}) for step in range(300)]
        rows = [*rows, (7, {"val/auroc": 0.75}), (300, {"train/loss": math.nan})]
        session = self._session(directory)
        with session.running(run_in(directory, config={"seed": 1, "loss": len})):
            for step, values in rows:
                session.log(values, step=step)
            session.save(directory / "best_model.pt", kind="checkpoint")
        _require_all_sent(session, len(rows) + 1)
        self.require(directory, rows)

    def test_numbers_of_other_libraries_arrive(self, directory: Path) -> None:
        """Of NumPy, of tensors with one element, and of tensors on an accelerator."""
        rows: list[tuple[int, dict[str, Any]]] = [
            (step, {"array": _ArrayLike(step / 4), "tensor": _TensorLike(step / 8), "plain": 0.5})
            for step in range(4)
        ]
        rows.append((4, {"tensor": _TensorLike(math.nan), "array": _ArrayLike(-math.inf)}))
        session = self._session(directory)
        with session.running(run_in(directory)):
            for step, values in rows:
                session.log(values, step=step)
        assert all(account.failed == 0 for account in session.accounts())
        self.require(directory, rows)

    def test_after_the_end_nothing_more_arrives(self, directory: Path) -> None:
        """To log after the end, or to end twice, does no harm."""
        session = self._session(directory)
        session.start(run_in(directory))
        session.log({"loss": 0.5}, step=1)
        session.finish(COMPLETED)
        session.log({"loss": 0.25}, step=2)
        session.save(directory / "late.pt", kind="checkpoint")
        session.finish(COMPLETED)
        _require_all_sent(session, 1)
        self.require(directory, [(1, {"loss": 0.5})])

    def test_a_resumed_run_holds_each_value_once(self, directory: Path) -> None:
        """What was logged before it was killed stays, and is not there again."""
        self._stretch(directory, range(1, 7), resumed_from_step=None)
        self._stretch(directory, range(5, 10), resumed_from_step=4)
        stored = self.stored(directory)
        found = sorted(step for step, name, _ in stored.rows if name == "loss")
        assert found == list(range(1, 10))

    def test_no_secret_is_written(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not those of the configuration, which the session hides, nor the environment's."""
        secret = "c0nf0rmance-s3cret"
        monkeypatch.setenv("CONFORMANCE_API_KEY", secret)
        config = {"api_key": secret, "db": {"url": f"postgres://me:{secret}@host/runs"}}
        session = self._session(directory)
        with session.running(run_in(directory, config=config)):
            session.log({"loss": 0.5}, step=1)
        files = [path for path in directory.rglob("*") if path.is_file()]
        told = [path.name for path in files if secret.encode() in path.read_bytes()]
        assert not told, f"a secret stands in {', '.join(told)}"

    def _session(self, directory: Path) -> Session:
        tracker = self.make_tracker(directory)
        return Session(
            {_NAME: tracker},
            is_main=True,
            start_timeout_s=_LONGEST_S,
            finish_timeout_s=_LONGEST_S,
        )

    def _stretch(self, directory: Path, steps: range, *, resumed_from_step: int | None) -> None:
        session = self._session(directory)
        with session.running(run_in(directory, resumed_from_step=resumed_from_step)):
            for step in steps:
                session.log({"loss": step / 4}, step=step)


class _ArrayLike:
    """One number of an array library, as duck typing sees it."""

    def __init__(self, number: float) -> None:
        self._number = number

    def item(self) -> float:
        return self._number

    def __float__(self) -> float:
        return self._number


class _Device:
    type = "cuda"


class _TensorLike(_ArrayLike):
    """One number that lies on an accelerator."""

    device = _Device()

    def detach(self) -> "_TensorLike":
        return self

    def clone(self) -> "_TensorLike":
        return _TensorLike(self._number)


def _require_all_sent(session: Session, number: int) -> None:
    for account in session.accounts():
        assert account.refusal is None, "the tracker did not start"
        counts = (account.sent, account.failed, account.not_delivered)
        assert counts == (number, 0, 0), "sent, failed, not delivered"
