"""An interruption waits for what must not be cut short, and is not lost."""

import signal
import threading

import pytest
import torch

from pahcl_core.training.checkpoint import read_content, save_content
from pahcl_core.training.interruption import undisturbed


@pytest.fixture
def interrupting():
    """Both signals interrupt, as on the command line."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    yield interrupt
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_effect_afterwards(interrupting, number):
    reached = []

    def work():
        with undisturbed():
            signal.raise_signal(number)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        work()

    assert reached == ["the end"]
    assert signal.getsignal(number) is interrupting


def test_without_a_signal_nothing_happens(interrupting):
    with undisturbed():
        pass

    assert signal.getsignal(signal.SIGINT) is interrupting


def test_an_error_inside_passes_and_handlers_are_put_back(interrupting):
    with pytest.raises(ValueError, match="inside"), undisturbed():
        raise ValueError("inside")

    assert signal.getsignal(signal.SIGTERM) is interrupting


def test_other_threads_leave_signals_alone(interrupting):
    seen = []

    def look():
        with undisturbed():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == [interrupting]


def test_an_interruption_in_the_midst_of_saving_leaves_a_whole_file(
    interrupting, tmp_path, monkeypatch
):
    """Torch itself would answer with a RuntimeError."""
    real = torch.save

    def interrupted(content, stream):
        class Interrupting:
            def write(self, data):
                signal.raise_signal(signal.SIGINT)
                return stream.write(data)

            def flush(self):
                stream.flush()

        real(content, Interrupting())

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_content(tmp_path / "a.pt", {"weights": torch.arange(5)})

    assert read_content(tmp_path / "a.pt")["weights"].tolist() == [0, 1, 2, 3, 4]
