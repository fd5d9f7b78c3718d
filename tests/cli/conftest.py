"""Collections and commands for the tests of the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pahcl_core.data.synthetic_circor import write_synthetic_circor
from support.cli_process import SMALL


@pytest.fixture(scope="session")
def circor(tmp_path_factory) -> Path:
    """Sixteen synthetic patients in CirCor's layout."""
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=16, seed=1, duration_s=(3.0, 3.5))
    return root


@pytest.fixture(scope="session")
def small_options() -> list[str]:
    """`--set` options of a run that takes seconds."""
    return [part for setting in SMALL for part in ("--set", setting)]


@pytest.fixture
def cli() -> Callable[..., Result]:
    """A command in this process, which starts at once."""
    from pahcl_cli.main import app

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run
