"""What `docs/write-a-tracker.md` shows is done here, from the class to the installed tracker."""

import subprocess
import sys

import pytest

from pahcl_track.testing import TrackerConformance
from plugin_fixture import environment_with, install_project
from support.documents import blocks_of

BLOCKS = blocks_of("docs/write-a-tracker.md")
FILES = {block.file: block.text for block in BLOCKS if block.file}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The document's three files, built and installed: folder, and what finds the installation."""
    folder = tmp_path_factory.mktemp("document")
    source = folder / "project"
    source.mkdir()
    for name, text in FILES.items():
        (source / name).write_text(text, encoding="utf-8")
    _, installed = install_project(source, folder)
    return folder, environment_with(installed)


def run_python(environment, folder, *arguments):
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_has_three_files():
    assert list(FILES) == ["lines_tracker.py", "test_lines_tracker.py", "pyproject.toml"]


def test_the_tests_pass(project, tmp_path):
    """Beside the installed tracker, not its source."""
    _, environment = project
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_lines_tracker.py").write_text(FILES["test_lines_tracker.py"])

    output = run_python(environment, tmp_path, "-m", "pytest", "-q")

    num_tests = sum(name.startswith("test_") for name in dir(TrackerConformance))
    assert f"{num_tests - 1} passed, 1 skipped" in output


def test_the_program_prints_what_it_says(project, tmp_path):
    _, environment = project
    (program,) = [block for block in BLOCKS if block.output is not None]

    assert run_python(environment, tmp_path, "-c", program.text) == program.output


def test_the_commands_find_it(project, tmp_path):
    """`pip install` and `pytest` are run above; of the others, what needs no data."""
    _, environment = project
    (commands,) = [block.text.splitlines() for block in BLOCKS if block.language == "sh"]
    assert commands[:3] == ["pip install .", "pytest", "pahcl track list"]
    code = (
        f"import sys; sys.argv = {commands[2].split()!r}; from pahcl_cli.main import main; main()"
    )

    listed = run_python(environment, tmp_path, "-c", code)

    assert ["lines", "lines-tracker", "1.0"] in [line.split() for line in listed.splitlines()]


def test_the_declared_failure_is_of_a_test():
    """And the other fragment is what `Positioned` asks for."""
    gap, position = [block.text for block in BLOCKS if block.text.startswith("    ")]
    body = f"class Gap(TrackerConformance):\n{gap}\nclass Counting:\n{position}"
    defined = {"TrackerConformance": TrackerConformance}
    exec(body, defined)

    assert defined["Gap"].expected_failures
    assert list(vars(defined["Counting"]))[1:2] == ["position"]


def test_the_option_in_the_command_exists(project, tmp_path):
    _, environment = project
    (commands,) = [block.text.splitlines() for block in BLOCKS if block.language == "sh"]
    option = commands[3].split()[-1]
    code = (
        "import pahcl_track\n"
        f"options = pahcl_track.parse_options([{option!r}], ['lines'])\n"
        "print(pahcl_track.load_tracker('lines', options['lines'])._name)\n"
    )

    assert run_python(environment, tmp_path, "-c", code) == "murmur.jsonl\n"
