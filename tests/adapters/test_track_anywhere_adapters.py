"""The blocks of `docs/track-anywhere.md` that need Lightning or Accelerate."""

import subprocess
import sys

import pytest

from support.documents import blocks_of

IMPORTS = """
from pathlib import Path
from pahcl_track import Run, load_tracker, read_history
"""
BLOCKS = [
    block for block in blocks_of("docs/track-anywhere.md") if "pahcl_track.adapters" in block.text
]


def test_there_is_one_for_each_library():
    libraries = [block.text.split(maxsplit=2)[1].partition(".")[0] for block in BLOCKS]

    assert libraries == ["lightning", "accelerate"]


@pytest.mark.parametrize("block", BLOCKS, ids=["lightning", "accelerate"])
def test_it_runs(block, tmp_path):
    library = block.text.split(maxsplit=2)[1].partition(".")[0]
    pytest.importorskip(library, reason=f"needs {library}: make test-adapters")

    result = subprocess.run(
        [sys.executable, "-c", IMPORTS + block.text],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    assert result.stdout == (block.output or "")
