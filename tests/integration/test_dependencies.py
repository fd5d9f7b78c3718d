"""The page of what is required, the requirements themselves and the files of constraints agree."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
NAMES = ("requirements", "licences", "dependencies")  # the later import the earlier


@pytest.fixture(scope="module")
def scripts():
    """The modules by name."""
    for name in NAMES:
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    yield {name: sys.modules[name] for name in NAMES}
    for name in NAMES:
        del sys.modules[name]


@pytest.fixture(scope="module")
def direct(scripts):
    """Every requirement of another's: extra, requirement, why."""
    module = scripts["requirements"]
    return [one for project in module.PROJECTS for one in module.requirements(project)]


def test_the_page_is_what_would_be_written(scripts):
    module = scripts["dependencies"]

    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "make dependencies"


def test_each_requirement_says_why_and_from_where_on(scripts, direct):
    for _, requirement, why in direct:
        assert len(why) > 10, requirement.name
        assert scripts["requirements"].lowest(requirement)


def test_the_lowest_versions_are_those_that_are_allowed(scripts, direct):
    """All of them and nothing else; PyTorch's is the pinned one, as the file says."""
    pins = scripts["requirements"].pins
    allowed = {
        canonicalize_name(one.name): Version(scripts["requirements"].lowest(one))
        for _, one, _ in direct
    }
    tested = {name: Version(text) for name, text in pins("constraints-lowest.txt").items()}

    torch = allowed.pop("torch"), tested.pop("torch")
    assert tested == allowed
    assert torch[0] <= torch[1] == Version(pins("constraints.txt")["torch"])


@pytest.mark.parametrize(
    ("stated", "free"),
    [
        ("MIT", True),
        ("MPL-2.0 AND MIT", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND AGPL-3.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("", False),
    ],
)
def test_a_licence_that_binds_others_is_refused(scripts, stated, free):
    module = scripts["licences"]

    assert (module.parts(stated) <= module.FREE) == free


def test_all_that_is_installed_may_be_passed_on():
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "licences.py")], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "torch" in done.stdout
    assert "tqdm" in done.stdout
