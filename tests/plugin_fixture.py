"""The distribution in `tests/plugin`, built and installed as anybody's would be."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PLUGIN = Path(__file__).with_name("plugin")
_OFFLINE = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")


@dataclass(frozen=True)
class InstalledPlugin:
    """Where it was installed, and what it is called there."""

    path: Path
    """To go first on the path of modules."""

    wheel: Path
    environment: dict[str, str]
    """For a process that is to find it."""

    name: str = "csv"
    """Of the tracker."""

    distribution: str = "pahcl-tracker-csv"
    version: str = "0.3.0"


def install_project(project: Path, folder: Path) -> tuple[Path, Path]:
    """Build a project's wheel and install it below `folder`, without network; both paths."""
    wheels, target = folder / "wheels", folder / "installed"
    _pip("wheel", *_OFFLINE, "--wheel-dir", str(wheels), str(project))
    (wheel,) = wheels.iterdir()
    _pip("install", *_OFFLINE, "--target", str(target), str(wheel))
    return wheel, target


def environment_with(path: Path) -> dict[str, str]:
    """This process's environment, with one more folder that modules are found in."""
    before = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(path), before)))}


@pytest.fixture(scope="session")
def installed_plugin(tmp_path_factory) -> InstalledPlugin:
    """The third-party tracker `csv`, for processes that are given `environment`."""
    wheel, path = install_project(PLUGIN, tmp_path_factory.mktemp("plugin"))
    return InstalledPlugin(path=path, wheel=wheel, environment=environment_with(path))


def _pip(*arguments: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
