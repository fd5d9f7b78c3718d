"""Which code the real client keeps with a run: the program, what is not committed, a folder."""

import json
import shutil
import subprocess

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from support.wandb_programs import BEGINNING, environment, run
from support.wandb_server import WandbServer

PROGRAM = """
options = dict(argument.split("=") for argument in sys.argv[2:])
with session(**options).running(Run(name="coded", directory=DIRECTORY, id="coded")) as tracked:
    tracked.log({"a": 0.5}, step=1)
"""
NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def coded(tmp_path, *options, prepare=lambda home: None, **changes):
    """The run as the server has it, of a client whose code saving nobody has switched off."""
    undecided = {"WANDB_DISABLE_CODE": None, "WANDB_DISABLE_GIT": None} | changes
    with WandbServer() as server:
        env = environment(server, tmp_path, **undecided)
        prepare(tmp_path / "home/home")
        run(PROGRAM, tmp_path / "run", env, *options)
        return server.runs["coded"]


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def committed(home):
    """A repository with the program and a module, which has changed since."""
    (home / "main.py").write_text(BEGINNING + PROGRAM)
    (home / "part.py").write_text("width = 1\n")
    git(home, "init", "--quiet")
    git(home, "add", "main.py", "part.py")
    git(home, "commit", "--quiet", "-m", "first")
    git(home, "remote", "add", "origin", "https://me:hunter2hunter2@example.org/code.git")
    (home / "part.py").write_text("width = 2\n")


@NEEDS_GIT
def test_the_program_its_commit_and_its_changes_are_kept(tmp_path):
    sent = coded(tmp_path, prepare=committed)
    kept = json.loads(sent.files["wandb-metadata.json"])

    assert sent.files["code/main.py"].decode() == BEGINNING + PROGRAM
    assert sent.sent_config["_wandb"]["value"]["code_path"] == "code/main.py"
    assert kept["git"]["commit"] == git(tmp_path / "home/home", "rev-parse", "HEAD")
    assert b"+width = 2" in sent.files["diff.patch"]
    assert "hunter2" not in kept["git"]["remote"]


@pytest.mark.parametrize(
    ("variable", "option"),
    [
        ({"WANDB_DISABLE_CODE": "true"}, []),
        ({"WANDB_SAVE_CODE": "false"}, []),
        ({}, ["save_code=false"]),
    ],
    ids=["WANDB_DISABLE_CODE", "WANDB_SAVE_CODE", "option"],
)
@NEEDS_GIT
def test_nothing_is_kept_where_somebody_says_so(tmp_path, variable, option):
    sent = coded(tmp_path, *option, "code_dir=.", prepare=committed, **variable)

    assert not {"code/main.py", "diff.patch"} & sent.files.keys()
    assert sent.artifacts == []
    assert len(sent.logged) == 1


def test_a_variable_that_says_no_leaves_it_on(tmp_path):
    sent = coded(tmp_path, WANDB_DISABLE_CODE="false", WANDB_DISABLE_GIT="true")

    assert "code/main.py" in sent.files


def test_a_folder_of_code_becomes_an_artifact(tmp_path):
    def prepare(home):
        (home / "library/deep").mkdir(parents=True)
        (home / "library/one.py").write_text("one = 1\n")
        (home / "library/deep/two.py").write_text("two = 2\n")
        (home / "library/data.csv").write_text("1\n")

    sent = coded(tmp_path, "code_dir=library", prepare=prepare, WANDB_DISABLE_GIT="true")

    (code,) = sent.artifacts
    assert code.type == "code"
    assert code.files == {"one.py": b"one = 1\n", "deep/two.py": b"two = 2\n"}
