"""The programs of `docs/track-anywhere.md` run, one after the other, and print what it says.

Those that need Lightning or Accelerate run in tests/adapters.
"""

import subprocess
import sys

import pytest

from support.documents import blocks_of

PROGRAMS = [
    block
    for block in blocks_of("docs/track-anywhere.md")
    if block.language == "python" and "pahcl_track.adapters" not in block.text
]
MARK = "---- end of a block ----"


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each block printed; they share their names, as in a notebook."""
    program = "".join(f"{block.text}\nprint({MARK!r})\n" for block in PROGRAMS)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path_factory.mktemp("anywhere"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.split(f"{MARK}\n")[:-1]


@pytest.mark.parametrize("index", range(len(PROGRAMS)))
def test_a_block_prints_what_the_document_says(printed, index):
    assert printed[index] == (PROGRAMS[index].output or "")


def test_most_blocks_say_what_they_print():
    """A block without a word about its output proves little."""
    assert len(PROGRAMS) == 6
    assert sum(block.output is not None for block in PROGRAMS) == 4
