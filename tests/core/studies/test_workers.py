"""Runs side by side: all done, failures named, a dead process replaced, none left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pahcl_core.errors import DiskError
from pahcl_core.studies.study import Failure, PlannedRun
from pahcl_core.studies.variants import BASE
from pahcl_core.studies.workers import carried_out_by
from pahcl_core.training.settings import FinetuneConfig
from support.worker_tasks import full_disk, process_and_threads, tenfold

TESTS = Path(__file__).parents[2]


def planned(count: int, folder: Path = Path("nowhere")) -> list[PlannedRun]:
    return [
        PlannedRun(
            variant=BASE,
            config=FinetuneConfig(
                task="circor_murmur",
                data_dir=Path("data"),
                output_dir=folder,
                seed=seed,
                experiment_name=f"seed_{seed}",
            ),
        )
        for seed in range(1, count + 1)
    ]


def test_what_fails_costs_itself_alone_and_is_named():
    """An error of the user, a process that is killed, and a mistake of the program."""
    lines: list[str] = []

    found = carried_out_by(2, planned(6), tenfold, tell=lines.append)

    assert list(found) == [f"base/seed_{seed}" for seed in range(1, 7)]
    assert [found[f"base/seed_{seed}"] for seed in (1, 5, 6)] == [10, 50, 60]
    assert found["base/seed_2"] == Failure(reason="the disk is full")
    assert found["base/seed_3"] == Failure(reason="its process died of SIGKILL")
    assert found["base/seed_4"] == Failure(reason="KeyError: 'a mistake'")
    assert [line for line in lines if "failed" not in line] == [
        f"{seed}/6 base/seed_{seed}" for seed in range(1, 7)
    ]
    assert "base/seed_3 failed, the others go on: its process died of SIGKILL" in lines


def test_a_full_disk_ends_all_and_says_what_to_do():
    lines: list[str] = []

    with pytest.raises(DiskError, match=r"^x: No space left: make room, and run the same again$"):
        carried_out_by(2, planned(40), full_disk, tell=lines.append)
    assert len(lines) < 40


def test_processes_are_as_many_as_asked_and_share_the_cores():
    before = os.environ.get("OMP_NUM_THREADS")

    found = carried_out_by(2, planned(8), process_and_threads, tell=lambda line: None)

    processes, threads = zip(*found.values(), strict=True)
    assert len(set(processes)) <= 2
    assert os.getpid() not in processes
    assert set(threads) == {str(max(1, torch.get_num_threads() // 2))}
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_one_job_is_done_in_this_process(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    found = carried_out_by(1, planned(2), process_and_threads, tell=lambda line: None)

    assert {process for process, _ in found.values()} == {os.getpid()}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_whoever_asked_for_it(tmp_path, how):
    """Told to end, runs end as interrupted ones; where nobody could tell them, they end at once."""
    program = (
        "import signal, sys\n"
        "from pathlib import Path\n"
        f"sys.path[:0] = {[str(TESTS), str(TESTS / 'core' / 'studies')]!r}\n"
        "from support.worker_tasks import waiting\n"
        "from test_workers import planned\n"
        "from pahcl_core.studies.workers import carried_out_by\n"
        "def end(*_): raise KeyboardInterrupt\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGTERM, end)\n"
        f"    carried_out_by(2, planned(3, Path({str(tmp_path)!r})), waiting, tell=print)\n"
    )
    (tmp_path / "program.py").write_text(program)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "program.py")],
                              stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        begun = [tmp_path / f"{seed}.begun" for seed in (1, 2)]
        _until(lambda: all(path.exists() and path.read_text() for path in begun))
        workers = [int(path.read_text()) for path in begun]

        parent.send_signal(how)

        parent.wait(60)
    finally:
        parent.kill()
        parent.wait()
    _until(lambda: not any(_lives(one) for one in workers))
    interrupted = [(tmp_path / f"{seed}.interrupted").exists() for seed in (1, 2)]
    assert interrupted == [how == signal.SIGTERM] * 2
    assert not (tmp_path / "3.begun").exists()


def _until(true) -> None:
    for _ in range(1800):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
