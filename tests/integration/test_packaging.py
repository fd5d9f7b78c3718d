"""What is built and installed: the three wheels, their metadata, and the pins."""

import configparser
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pahcl_core.training.shipped import FOLDER, NAMES, card_file, shipped_file

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECTS = {
    "pahcl-track": REPOSITORY / "packages/pahcl-track",
    "pahcl-core": REPOSITORY / "packages/pahcl-core",
    "pahcl": REPOSITORY / "apps/cli",
}
PACKAGE_DATA = {
    "pahcl-core": {
        "pahcl_core/report/page.css",
        "pahcl_core/report/page.html",
        "pahcl_core/shipped/README.md",
        "pahcl_core/signal/quality_parameters.json",
        "pahcl_core/signal/segmentation_parameters.json",
        "pahcl_core/signal/segmentation_parameters.npz",
    }
}
PACKAGE_DATA["pahcl-core"] |= {  # the models are there once they have been made
    f"pahcl_core/shipped/{file.name}"
    for name in NAMES
    for file in (shipped_file(name), card_file(name))
    if file.is_file()
}
ENTRY_POINTS = {
    "pahcl-track": {
        "pahcl.trackers": {
            "null": "pahcl_track.backends.null:NullTracker",
            "console": "pahcl_track.backends.console:ConsoleTracker",
            "journal": "pahcl_track.backends.journal:JournalTracker",
            "wandb": "pahcl_track.backends.wandb:WandbTracker",
        }
    },
    "pahcl-core": {},
    "pahcl": {"console_scripts": {"pahcl": "pahcl_cli.main:main"}},
}


def read_settings(path):
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Each distribution's wheel, built by its build backend: by name, the open archive."""
    target = tmp_path_factory.mktemp("wheels")
    archives = {}
    for name, project in PROJECTS.items():
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target / name)],
            cwd=project,
            check=True,
            capture_output=True,
        )
        (wheel,) = (target / name).iterdir()
        archives[name] = zipfile.ZipFile(wheel)
    yield archives
    for archive in archives.values():
        archive.close()


def read_metadata(archive, file):
    """A file of the wheel's `.dist-info`; empty if there is none."""
    names = [name for name in archive.namelist() if name.endswith(f".dist-info/{file}")]
    return archive.read(names[0]) if names else b""


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_the_sources_and_their_data(wheels, name):
    """Every module, `py.typed`, the fitted parameters, and nothing else: no test, no cache."""
    source = PROJECTS[name] / "src"
    (package,) = (path.name for path in source.iterdir() if path.is_dir())
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}

    packed = {file for file in wheels[name].namelist() if ".dist-info/" not in file}

    assert packed == modules | {f"{package}/py.typed"} | PACKAGE_DATA.get(name, set())
    assert f"{package}/__init__.py" in packed


def test_the_models_that_come_with_it_are_small_and_described(wheels):
    """5 MB together at most; each with its card, and a card with its model."""
    packed = {
        name: info.file_size
        for name, info in ((one.filename, one) for one in wheels["pahcl-core"].infolist())
        if name.startswith("pahcl_core/shipped/")
    }

    assert sum(packed.values()) <= 5_000_000
    for name in NAMES:
        assert shipped_file(name).is_file() == card_file(name).is_file()
    assert {Path(name).name for name in packed} == {one.name for one in FOLDER.iterdir()}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_entry_points(wheels, name):
    parser = configparser.ConfigParser()
    parser.read_string(read_metadata(wheels[name], "entry_points.txt").decode())

    assert {group: dict(parser[group]) for group in parser.sections()} == ENTRY_POINTS[name]


@pytest.mark.parametrize("name", PROJECTS)
def test_the_installed_entry_points_lead_somewhere(name):
    """They are registered in this environment, and each loads what it names."""
    for group, targets in ENTRY_POINTS[name].items():
        for entry, target in targets.items():
            (point,) = {
                (point.value, point.dist.name): point
                for point in entry_points(group=group, name=entry)
                if point.dist is not None and point.dist.name == name
            }.values()

            assert point.value == target
            assert point.load().__name__ == target.partition(":")[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", PROJECTS)
def test_the_same_sources_make_the_same_bytes(tmp_path, name):
    """Wheel and source archive, built in two places at a time that is given."""
    built, sources = [], tmp_path / "sources"  # which nobody changes meanwhile
    shutil.copytree(PROJECTS[name], sources, ignore=shutil.ignore_patterns("__pycache__"))
    for place in ("here", "somewhere/else"):
        project = tmp_path / place / "project"
        shutil.copytree(sources, project)
        for path in project.rglob("*"):
            os.utime(path, (1e9 + len(built), 1e9 + len(built)))
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-d", str(project.parent / "dist")],
            cwd=project,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
            check=True,
            capture_output=True,
        )
        files = sorted((project.parent / "dist").iterdir())
        built.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})

    assert built[0] == built[1]
    assert {name.rpartition(".")[2] for name in built[0]} == {"whl", "gz"}


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory):
    """The folder of commands of an environment that has the three wheels and no repository.

    What they require comes from this one, without what is installed here for development.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    files = [str(archive.filename) for archive in wheels.values()]
    subprocess.run([*pip, "--no-index", "--no-deps", *files], check=True, capture_output=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "required.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return python.parent


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="an environment has another layout there")
def test_what_is_installed_works_without_the_repository(installed, tmp_path):
    """Its help, every module, and a model that comes with it."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        done = subprocess.run(
            [installed / command[0], *command[1:]],
            cwd=tmp_path, env=elsewhere, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import pahcl_cli, pahcl_core, pahcl_track as t; print(pahcl_core.__file__, t.__file__)"
    assert run("python", "-c", where).count(str(installed.parent)) == 2
    assert "predict" in run("pahcl", "--help")
    run("pahcl", "data", "synth", "circor", "hearts", "--patients", "1")
    recording = min((tmp_path / "hearts").rglob("*.wav"))
    assert "murmur" in run("pahcl", "predict", "circor_murmur", str(recording), "--any-quality")


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_says_what_a_package_index_shows(wheels, name):
    metadata = message_from_bytes(read_metadata(wheels[name], "METADATA"))

    assert metadata["Name"] == name
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert f"# {name}\n" in metadata.get_payload()


def test_tracking_requires_nothing(wheels):
    metadata = message_from_bytes(read_metadata(wheels["pahcl-track"], "METADATA"))
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]

    assert required
    assert all("extra ==" in str(requirement.marker) for requirement in required)


def modules_after(statement):
    """Names of the modules that a fresh interpreter has loaded more after `statement`."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in result.stdout.split()}


def test_importing_tracking_loads_the_standard_library_alone():
    loaded = modules_after("import pahcl_track")

    assert "pahcl_track" in loaded
    assert loaded - sys.stdlib_module_names == {"pahcl_track"}


@pytest.mark.parametrize("module", ["pahcl_cli.main", "pahcl_core.config", "pahcl_core.errors"])
def test_what_help_needs_loads_nothing_heavy(module):
    heavy = {"torch", "numpy", "scipy", "sklearn", "wandb", "matplotlib"}

    assert not modules_after(f"import {module}") & heavy


def test_the_versions_agree():
    """Of the three distributions, of what each requires of the others, and of the citation."""
    settings = {name: read_settings(path / "pyproject.toml") for name, path in PROJECTS.items()}
    version = settings["pahcl"]["project"]["version"]
    siblings = [
        requirement
        for project in settings.values()
        for line in project["project"]["dependencies"]
        if (requirement := Requirement(line)).name in PROJECTS
    ]

    assert {project["project"]["version"] for project in settings.values()} == {version}
    assert {distribution(name).version for name in PROJECTS} == {version}
    assert len(siblings) == 3
    assert {str(requirement.specifier) for requirement in siblings} == {f"=={version}"}
    assert f"\nversion: {version}\n" in (REPOSITORY / "CITATION.cff").read_text()
    assert f"\n## [{version}]" in (REPOSITORY / "CHANGELOG.md").read_text()


@pytest.fixture(scope="module")
def pins():
    """The lines of constraints.txt, by canonical name."""
    text = (REPOSITORY / "constraints.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    matches = [re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.]*)", line) for line in lines]
    assert all(matches), "a line that is not name==version"
    return {canonicalize_name(match[1]): match[2] for match in matches}


def required_anywhere():
    """Every requirement that the workspace states: run time, extras, build, tools, docs."""
    groups = read_settings(REPOSITORY / "pyproject.toml")["dependency-groups"]
    lines = set(groups["dev"]) | set(groups["docs"])
    for path in PROJECTS.values():
        settings = read_settings(path / "pyproject.toml")
        lines |= set(settings["project"]["dependencies"]) | set(
            settings["build-system"]["requires"]
        )
        for extra in settings["project"].get("optional-dependencies", {}).values():
            lines |= set(extra)
    return sorted(lines)


@pytest.mark.parametrize("line", required_anywhere())
def test_a_requirement_admits_its_pin(pins, line):
    requirement = Requirement(line)
    if requirement.name in PROJECTS:
        return

    assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_what_is_required_by_what_is_required_is_pinned(pins):
    """The closure of the workspace's requirements, as this environment's metadata give it."""
    waiting = [Requirement(line) for line in required_anywhere()]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        extras = requirement.extras or {""}
        for line in distribution(requirement.name).requires or []:
            needed = Requirement(line)
            wanted = needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in extras
            )
            if wanted and not needed.name.startswith(("nvidia", "cuda", "triton")):
                waiting.append(needed)

    assert {name for name, _ in seen} - set(PROJECTS) <= set(pins)
