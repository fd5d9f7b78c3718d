"""Values on an accelerator: the caller copies, another thread waits."""

import threading

import pytest
import torch

from oracles.journal_reader import read_rows
from pahcl_track import Outcome, Session, read_history
from pahcl_track.device import DeviceValues
from support.trackers import PATIENCE_S, Recorder


class Device:
    type = "cuda"


class Tensor:
    """As much of a tensor on an accelerator as it takes; knows which thread waited for it."""

    device = Device()

    def __init__(self, value, ready=None):
        self.value = value
        self.ready = ready
        self.read_by = []
        self.copies = []

    def detach(self):
        return self

    def clone(self):
        self.copies.append(Tensor(self.value, self.ready))
        return self.copies[-1]

    def item(self):
        self.read_by.append(threading.current_thread())
        assert self.ready is None or self.ready.wait(PATIENCE_S)
        return self.value

    __float__ = item


@pytest.fixture
def tracker():
    return Recorder()


@pytest.fixture
def session(make_run, tracker):
    session = Session({"mine": tracker})
    session.start(make_run())
    return session


def test_the_caller_never_waits_for_a_device(session, journal_path, tracker, completed):
    """It copies, so that the value is the one of that moment, and goes on."""
    computed = threading.Event()
    tensors = [Tensor(float(step), computed) for step in range(3)]
    for step, tensor in enumerate(tensors):
        session.log({"loss": tensor, "lr": 0.5}, step=step)
        tensor.value = 99.0  # changed in place
    on_host = read_rows(journal_path)
    computed.set()
    session.finish(completed)

    assert on_host == [(step, {"lr": 0.5}) for step in range(3)]
    history = read_history(journal_path)
    assert history.series("loss") == ([0, 1, 2], [0.0, 1.0, 2.0])
    assert [step for step, values in tracker.rows if "loss" in values] == [0, 1, 2]
    for tensor in tensors:
        (copy,) = tensor.copies
        assert tensor.read_by == []
        assert [thread.name for thread in copy.read_by] == ["pahcl-track-device"]


def test_a_row_on_the_device_alone(session, journal_path, completed):
    """Leaves no empty row behind."""
    session.log({"loss": Tensor(0.5)}, step=1)
    session.finish(completed)

    assert read_rows(journal_path) == [(1, {"loss": 0.5})]


def test_the_end_waits_for_what_is_on_its_way(session, journal_path, completed):
    computed = threading.Event()
    session.log({"loss": Tensor(0.5, computed)}, step=1)
    threading.Timer(0.05, computed.set).start()
    session.finish(completed)

    assert read_rows(journal_path) == [(1, {"loss": 0.5})]
    assert read_history(journal_path).outcome == completed


def test_a_device_that_hangs_does_not_keep_the_program(make_run, journal_path, told, completed):
    computed = threading.Event()
    session = Session({}, finish_timeout_s=0.05)
    session.start(make_run())
    session.log({"loss": Tensor(0.5, computed), "lr": 0.25}, step=1)
    session.finish(completed)
    content = journal_path.read_bytes()
    (waiting,) = device_threads()
    computed.set()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()

    assert told() == ["values on a device did not arrive in time and are not recorded"]
    assert read_rows(journal_path) == [(1, {"lr": 0.25})]
    assert journal_path.read_bytes() == content  # nothing comes after the end


def test_a_value_that_arrives_late_is_not_taken_for_one_of_the_next_run(make_run, tmp_path, told):
    """Of the same session; and no thread is left behind that waits for more."""
    computed = threading.Event()
    tracker = Recorder()
    session = Session({"mine": tracker}, finish_timeout_s=0.1)
    with session.running(make_run(directory=tmp_path / "a")):
        session.log({"loss": Tensor(123.0, computed)}, step=77)
    (waiting,) = device_threads()
    with session.running(make_run(directory=tmp_path / "b")):
        computed.set()
        waiting.join(PATIENCE_S)
        session.log({"loss": Tensor(1.0)}, step=1)

    assert tracker.steps == [1]
    assert told() == ["values on a device did not arrive in time and are not recorded"]
    assert read_rows(tmp_path / "a" / "journal.jsonl") == []
    assert read_rows(tmp_path / "b" / "journal.jsonl") == [(1, {"loss": 1.0})]
    for thread in device_threads():
        thread.join(PATIENCE_S)
    assert device_threads() == []


def device_threads():
    return [one for one in threading.enumerate() if one.name == "pahcl-track-device"]


@pytest.mark.parametrize("value", [None, "text", float("nan")], ids=repr)
def test_what_turns_out_to_be_odd(session, journal_path, told, completed, value):
    """Is told of as any other; the rest of the row and the rows after it are recorded."""
    session.log({"odd": Tensor(value), "even": Tensor(2)}, step=1)
    session.log({"even": Tensor(4)}, step=2)
    session.finish(completed)

    odd = {"odd": "NaN"} if isinstance(value, float) else {}
    assert read_rows(journal_path) == [(1, odd | {"even": 2}), (2, {"even": 4})]
    assert len(told()) == (0 if odd else 1)
    assert session.non_finite == (1 if odd else 0)


class Failing(Tensor):
    def item(self):
        raise SystemExit("device lost")

    __float__ = item


def test_a_device_that_is_lost_costs_its_own_values(session, journal_path, told, completed):
    """Its thread survives it."""
    session.log({"loss": type("Lost", (Tensor,), {"clone": lambda self: Failing(0)})(0)}, step=1)
    session.log({"loss": Tensor(0.5)}, step=2)
    session.finish(completed)

    assert read_rows(journal_path) == [(2, {"loss": 0.5})]
    assert told() == ["values on a device could not be read: device lost"]


def test_the_last_figures_may_lie_on_a_device(session, journal_path):
    session.finish(Outcome(status="completed", summary={"auroc": Tensor(0.75)}))

    assert read_history(journal_path).outcome.summary == {"auroc": 0.75}


def test_no_thread_without_need(session, completed):
    session.log({"loss": torch.tensor(0.5)}, step=1)
    names = [thread.name for thread in threading.enumerate()]
    session.finish(completed)

    assert session._device_values._thread is None
    assert "pahcl-track-mine" in names


def test_one_thread_keeps_the_order_of_many_callers():
    """Each caller's own order."""
    rows = []
    values = DeviceValues(lambda row, step: rows.append((row["from"], step)))

    def work(caller):
        for step in range(50):
            values.put({"from": caller}, step)

    callers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert values.flush(PATIENCE_S)

    for number in range(8):
        assert [step for caller, step in rows if caller == number] == list(range(50))
    assert len(rows) == 400


def test_to_flush_nothing_takes_no_time():
    assert DeviceValues(lambda row, step: None).flush(0.0)
