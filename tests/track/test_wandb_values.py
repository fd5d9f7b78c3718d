"""Values as W&B is given them: what it cannot show costs nothing else."""

import json

import pytest

pytest.importorskip("wandb", reason="needs the wandb client")

from oracles.wandb_file import read_wandb_file
from pahcl_track import Image, Table
from pahcl_track.backends.wandb_values import shown
from support.wandb_programs import environment, run
from support.wandb_server import WandbServer

PROGRAM = """
from pahcl_track import Image, Table
tracked = session(mode="offline", system_metrics="false")
mixed = Table(columns=["a", "b"], rows=[["x", 1.0], [1.0, None]])
tracked.start(Run(name="odd", directory=DIRECTORY))
tracked.log({"val/loss": 0.5, "mixed": mixed, "torn": Image(data=b"no picture")}, step=1)
summary = {"best": 0.25, "torn": Image(data=b"no picture"), "last": 0.75}
tracked.finish(Outcome(status="completed", summary=summary))
print(tracked.accounts()[0])
"""


@pytest.mark.parametrize("column", [["x", 1.0], [True, 1.0], [1.0, "x", None], [1, False]])
def test_a_column_may_hold_several_types(column):
    table = shown("t", Table(columns=["a", "b"], rows=[[cell, "b"] for cell in column]))

    assert table.columns == ["a", "b"]
    assert table.data == [[cell, "b"] for cell in column]


def test_columns_of_one_type_keep_it():
    """By which W&B sorts and draws them."""
    table = shown("t", Table(columns=["n", "label"], rows=[[0.5, "a"], [None, "b"]]))

    types = table._column_types.to_json()["params"]["type_map"]
    told = {name: one["params"]["allowed_types"][-1]["wb_type"] for name, one in types.items()}
    assert told == {"n": "number", "label": "string"}


def test_a_damaged_picture_is_left_out_and_named(caplog):
    assert shown("roc", Image(data=b"no picture")) is None

    (message,) = caplog.messages
    assert message.startswith("wandb: roc cannot be shown and is left out: UnidentifiedImageError")


def test_the_rest_of_a_row_and_of_a_summary_is_kept(tmp_path):
    with WandbServer() as server:
        said = run(PROGRAM, tmp_path / "run", environment(server, tmp_path))
    (path,) = (tmp_path / "run").glob("wandb/offline-run-*/run-*.wandb")
    kept = read_wandb_file(path)

    assert said == "wandb: 1 sent, 0 failed, 0 not delivered\n"
    (row,) = kept.logged
    assert (row["global_step"], row["val/loss"]) == (1, 0.5)
    table = json.loads((path.parent / "files" / row["mixed"]["path"]).read_text())
    assert table["data"] == [["x", 1.0], [1.0, None]]
    assert "torn" not in row
    assert (kept.summary["best"], kept.summary["last"], kept.exit_code) == (0.25, 0.75, 0)
