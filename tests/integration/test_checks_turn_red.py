"""Each check of `make check` turns red when it should, run as the Makefile runs it.

A copy of the workspace is planted with one violation at a time. Its modules are those of the
repository by name, but empty, so that a run is quick and green until something is planted.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("packages/pahcl-track/src", "packages/pahcl-core/src", "apps/cli/src")
TRACK = "packages/pahcl-track/src/pahcl_track"
CORE = "packages/pahcl-core/src/pahcl_core"
CLI = "apps/cli/src/pahcl_cli"
CHECKS = ("check-format", "check-lint", "check-types", "check-imports")

CONTRACTS = {
    "on top": "the command line is on top, tracking at the bottom",
    "down": "inside pahcl_core, dependencies point down",
    "reports": "inside pahcl_core, only training, baselines and studies report to a tracker",
    "draws": "only pahcl_core.plots draws",
    "protocol": "the core knows the protocol and its values, no backend and no composition",
    "sweeps": "only sweeps know optuna",
    "stdlib": "pahcl_track needs nothing but the standard library",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The copy: settings and Makefile as they are, every module empty."""
    root = tmp_path_factory.mktemp("workspace")
    projects = [f"{Path(source).parent}/pyproject.toml" for source in SOURCES]
    for name in ("Makefile", "pyproject.toml", "constraints.txt", *projects):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, root / name)
    for source in SOURCES:
        for module in (REPOSITORY / source).rglob("*.py"):
            copy = root / module.relative_to(REPOSITORY)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text('"""Stands for a module of the same name."""\n')
    return root


def make(workspace, *arguments):
    """Run the Makefile of the copy with the tools of this environment, without installing."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment |= {
        # In front of the editable installations, whose modules have the same names.
        "PYTHONPATH": os.pathsep.join(str(workspace / source) for source in SOURCES),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    environment.pop("MFLAGS", None)
    installed = f"{sys.prefix}/.installed"
    return subprocess.run(
        ["make", "--old-file", installed, f"VENV={sys.prefix}", *arguments],
        cwd=workspace,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture
def plant(workspace):
    """Writes modules into the copy, and takes them out again after the test."""
    planted: list[Path] = []

    def write(file, text):
        path = workspace / file
        assert not path.exists()
        path.write_text(text)
        planted.append(path)

    yield write
    for path in planted:
        path.unlink()


def test_everything_is_green_before_anything_is_planted(workspace):
    result = make(workspace, "check")

    assert result.returncode == 0, result.stdout


def test_check_runs_every_check(workspace):
    """`make check` is the sum of the targets that are tested one by one below."""
    commands = [make(workspace, "--dry-run", target).stdout for target in CHECKS]

    assert make(workspace, "--dry-run", "check").stdout == "".join(commands)
    assert [command.split()[0] for command in commands] == [
        f"{sys.prefix}/bin/{tool}" for tool in ("ruff", "ruff", "mypy", "lint-imports")
    ]


def test_a_benchmark_over_budget_is_named_and_the_others_still_run(workspace, plant):
    (workspace / "benchmarks").mkdir()
    plant("benchmarks/first.py", "raise SystemExit(1)\n")
    plant("benchmarks/second.py", "print('measured')\n")
    plant("benchmarks/_shared.py", "print('run although it is no benchmark')\n")

    result = make(workspace, "bench")

    assert result.returncode != 0
    assert "over budget or failed: benchmarks/first.py\n" in result.stdout
    assert "measured" in result.stdout
    assert "_shared" not in result.stdout


def test_an_old_python_is_refused_with_the_remedy(workspace):
    """`false` stands for an interpreter that finds its version too low."""
    result = make(workspace, "install", "PYTHON=false", f"VENV={workspace}/new")

    assert result.returncode != 0
    assert "pahcl needs Python 3.11 or later; name one: make PYTHON=" in result.stdout


@pytest.mark.parametrize(
    ("target", "file", "text", "complaint"),
    [
        ("check-format", f"{CORE}/signal/planted.py", "x = {  'a':1 }\n", "would be reformatted"),
        ("check-format", "planted.py", "x = ( 1 )\n", "would be reformatted"),
        ("check-lint", f"{CORE}/data/planted.py", '"""Doc."""\n\nprint(1)\n', "T201"),
        ("check-lint", f"{CORE}/data/planted.py", "X = 1\n", "D100"),
        ("check-lint", f"{TRACK}/planted.py", '"""Doc."""\n\nfrom . import x\n', "TID252"),
        ("check-lint", f"{TRACK}/planted.py", '"""Doc."""\n\nimport json\n', "F401"),
        (
            "check-lint",
            f"{CLI}/planted.py",
            '"""Doc."""\n\ntry:\n    X = 1\nexcept Exception:\n    X = 2\n',
            "BLE001",
        ),
        (
            "check-lint",
            f"{CLI}/planted.py",
            '"""Doc."""\n\n\ndef f(x):\n    """Doc."""\n',
            "ANN001",
        ),
        (
            "check-lint",
            f"{CORE}/data/planted.py",
            '"""Doc."""\n\nimport os\n\nos.remove("a")\n',
            "PTH107",
        ),
        ("check-types", f"{TRACK}/planted.py", "def f(x): return x\n", "no-untyped-def"),
        ("check-types", f"{CORE}/signal/planted.py", "x: int = 'one'\n", "assignment"),
        ("check-types", f"{CLI}/planted.py", "x: list = []\n", "type-arg"),
    ],
)
def test_a_violation_is_named_with_its_file(workspace, plant, target, file, text, complaint):
    plant(file, text)

    result = make(workspace, target)

    assert result.returncode != 0
    assert complaint in result.stdout
    assert file in result.stdout


IMPORTS = [
    ("on top", f"{TRACK}/backends", "import pahcl_core"),
    ("on top", f"{TRACK}/backends", "import pahcl_cli"),
    ("on top", f"{CORE}/training", "import pahcl_cli.main"),
    ("down", f"{CORE}/data", "import pahcl_core.training"),
    ("down", f"{CORE}/data", "import pahcl_core.models"),
    ("down", f"{CORE}/data", "import pahcl_core.plots"),
    ("down", f"{CORE}/training", "import pahcl_core.plots"),
    ("down", f"{CORE}/losses", "import pahcl_core.metrics"),
    ("down", f"{CORE}/signal", "import pahcl_core.data"),
    ("reports", f"{CORE}/data", "import pahcl_track"),
    ("reports", f"{CORE}/models", "from pahcl_track import protocol"),
    ("reports", f"{CORE}/signal", "from pahcl_track.values import Table"),
    ("reports", f"{CORE}/plots", "import pahcl_track"),
    ("draws", f"{CORE}/data", "import matplotlib"),
    ("draws", f"{CORE}/training", "from matplotlib.figure import Figure"),
    ("draws", f"{CLI}/commands", "import matplotlib"),
    ("protocol", f"{CORE}/training", "from pahcl_track.backends import console"),
    ("protocol", f"{CORE}/training", "from pahcl_track import discovery"),
    ("protocol", f"{CORE}/training", "import wandb"),
    ("protocol", f"{CORE}/data", "import typer"),
    ("sweeps", f"{CORE}/training", "import optuna"),
    ("sweeps", f"{CLI}/commands", "from optuna import trial"),
    ("stdlib", f"{TRACK}/backends", "import numpy"),
    ("stdlib", f"{TRACK}/backends", "from torch import Tensor"),
]


@pytest.mark.parametrize(("contract", "package", "statement"), IMPORTS)
def test_a_forbidden_import_is_named_with_its_contract(
    workspace, plant, contract, package, statement
):
    plant(f"{package}/planted.py", f'"""Doc."""\n\n{statement}\n')

    result = make(workspace, "check-imports")

    assert result.returncode != 0
    assert f"{CONTRACTS[contract]} BROKEN" in result.stdout
    module = ".".join((*Path(package).parts[3:], "planted"))
    assert f"{module} -> " in result.stdout


def test_a_module_of_the_core_without_a_layer_is_named(workspace, plant):
    plant(f"{CORE}/planted.py", '"""Doc."""\n')

    result = make(workspace, "check-imports")

    assert result.returncode != 0
    assert f"{CONTRACTS['down']} BROKEN" in result.stdout
    assert "- pahcl_core.planted" in result.stdout


def test_every_contract_has_a_violation_above():
    """A contract that is added to pyproject.toml needs a test that it can break."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    names = {contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}

    assert names == {CONTRACTS[contract] for contract, _, _ in IMPORTS}
