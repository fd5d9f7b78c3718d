"""Freed memory is kept: a step like the one before takes few new pages from the kernel."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import sys

import torch

from pahcl_core.data.kept_memory import keep_memory

torch.set_num_threads(1)
if sys.argv[1] == "keep":
    assert keep_memory()


def step():
    one, other = torch.ones(10, 2**20), torch.ones(3, 2**20)  # 40 and 12 MiB
    return (one.sum() + other.sum()).item()


for _ in range(12):  # until the heap has room wherever a step may put them
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(int(sys.argv[2])):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

STEPS = 40
PAGES = STEPS * 52 * 256
"""That so many steps touch, of 4 KiB."""


def faults(mode: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode, str(STEPS)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is asked")
def test_a_step_touches_pages_that_an_earlier_one_had() -> None:
    given_back = faults("leave")
    if given_back < PAGES / 2:
        pytest.skip("this environment keeps freed memory by itself, or its pages are huge")

    kept = faults("keep")

    assert kept < given_back / 4  # not 0: the heap may still grow now and then
