"""What is imported, and what is not before somebody asks for it."""

import json
import subprocess
import sys


def modules_after(code, *path):
    """The modules that a fresh interpreter has after `code`, and had not before it."""
    program = (
        f"import sys; sys.path[:0] = {list(map(str, path))}; before = set(sys.modules)\n{code}\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path}\n{program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_the_package_imports_nothing_that_takes_time():
    """Without the modules that site-packages start, the interpreter is bare."""
    loaded = modules_after("import pahcl_track")

    assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} == {
        "pahcl_track"
    }
    assert not loaded & {"typing", "dataclasses", "pathlib"}
    assert "importlib.metadata" not in loaded


def test_listing_imports_nobodys_code(install, tmp_path):
    module = install("mine", "raise RuntimeError('imported')")
    loaded = modules_after(
        "from pahcl_track import installed_trackers\n"
        "assert 'mine' in [one.name for one in installed_trackers()]",
        tmp_path,
    )

    assert module not in loaded
    assert not {name for name in loaded if name.startswith("pahcl_track.backends.")} - {
        "pahcl_track.backends.null"
    }
    assert {name.split(".")[0] for name in loaded} - sys.stdlib_module_names == {"pahcl_track"}


def test_loading_one_imports_that_one_alone(install, tmp_path):
    module = install("mine", "raise RuntimeError('imported')")
    loaded = modules_after(
        "from pahcl_track import load_tracker\nload_tracker('console'), load_tracker('wandb')",
        tmp_path,
    )

    assert "pahcl_track.backends.console" in loaded
    assert module not in loaded
    assert "pahcl_track.backends.journal" not in loaded
    assert "wandb" not in loaded  # before a run starts


def test_a_broken_tracker_harms_no_program_that_does_not_ask_for_it(install, tmp_path):
    install("mine", "raise RuntimeError('imported')")
    modules_after(
        "from pathlib import Path\nfrom pahcl_track import Run, Session, load_tracker\n"
        "with Session({'null': load_tracker('null')}).running(\n"
        f"    Run(name='quiet', directory=Path({str(tmp_path / 'run')!r}))\n"
        ") as session: session.log({'a': 0.5}, step=1)",
        tmp_path,
    )

    assert (tmp_path / "run" / "journal.jsonl").exists()
