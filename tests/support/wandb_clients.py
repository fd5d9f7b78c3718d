"""Programs that use the Weights & Biases client as it is, and what they report.

They run in processes of their own, so that its background process, its settings and its exit
hooks never meet those of the tests.
"""

import math
import subprocess
import sys
from pathlib import Path

NUM_ROWS = 20
# What the full client below logs first. After that its axis runs backwards.
ROWS = [{"step": 10 * row, "train/loss": 1 / (row + 1)} for row in range(NUM_ROWS)]
COUNTS, EDGES = [1, 2, 3], [0.0, 1.0, 2.0, 4.0]
TABLE = [[1, "murmur"], [2, None]]
WEIGHTS = bytes(range(256)) * 400

FULL_CLIENT = """
import math, sys
from pathlib import Path
import wandb

# The long note makes a record that spans three blocks of the log.
folder = Path(sys.argv[1])
run = wandb.init(
    project="hearts", id="run-1", name="first try", group="seeds", job_type="probe",
    tags=["a", "b"], notes="two words", config={"rate": 0.1, "net": {"sizes": [1, 2]}},
)
run.define_metric("step")
run.define_metric("*", step_metric="step")
run.define_metric("val/auroc", step_metric="step", summary="max")
for row in range(20):
    run.log({"step": 10 * row, "train/loss": 1 / (row + 1)})
run.log({"step": 7, "nan": math.nan, "up": math.inf, "down": -math.inf})
run.log({"step": 8, "weights": wandb.Histogram(np_histogram=([1, 2, 3], [0.0, 1.0, 2.0, 4.0]))})
run.log({"step": 9, "cases": wandb.Table(columns=["n", "label"], data=[[1, "murmur"], [2, None]])})
run.log({"step": 10, "note": "x" * 70_000})
for value in (0.5, 0.75, 0.25):
    run.log({"step": 11, "val/auroc": value})
run.config.update({"late": True})
run.summary["best/auroc"] = 0.75
run.summary["gone"] = 1
del run.summary["gone"]
print("said aloud")
(folder / "weights.bin").write_bytes(bytes(range(256)) * 400)
artifact = wandb.Artifact("model", "checkpoint", metadata={"epoch": 3})
artifact.add_file(folder / "weights.bin")
run.log_artifact(artifact, aliases=["best"])
(folder / "report.html").write_text("<p>report</p>")
run.save(folder / "report.html", base_path=folder, policy="now")
run.finish(exit_code=3)
"""

SHORT_CLIENT = """
import sys
import wandb

first, last = int(sys.argv[1]), int(sys.argv[2])
with wandb.init(project="hearts", id="run-1", config={"first": first}) as run:
    run.define_metric("*", step_metric="step")
    for row in range(first, last):
        run.log({"step": row, "loss": row / 4})
"""


def run_client(code, environment, *arguments, timeout=60):
    """A finished client; its exit code is the caller's business."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        cwd=environment["HOME"],
        timeout=timeout,
        capture_output=True,
        text=True,
    )


def wandb_file(environment):
    """The one `.wandb` file below a client's folder."""
    (path,) = Path(environment["WANDB_DIR"]).rglob("*.wandb")
    return path


def check_rows(logged):
    """The rows are what the full client logged, in this order."""
    assert logged[:NUM_ROWS] == ROWS
    special, histogram, table, note, *auroc = logged[NUM_ROWS:]
    assert math.isnan(special.pop("nan"))
    assert special == {"step": 7, "up": math.inf, "down": -math.inf}
    weights = {"_type": "histogram", "values": COUNTS, "bins": EDGES}
    assert histogram == {"step": 8, "weights": weights}
    assert table["cases"]["_type"] == "table-file"
    assert note == {"step": 10, "note": "x" * 70_000}
    assert auroc == [{"step": 11, "val/auroc": value} for value in (0.5, 0.75, 0.25)]


def check_description(run):
    """The run describes itself as the full client said."""
    assert (run.id, run.project, run.display_name) == ("run-1", "hearts", "first try")
    assert (run.group, run.job_type, run.notes) == ("seeds", "probe", "two words")
    assert run.tags == ["a", "b"]
    assert run.config == {"rate": 0.1, "net": {"sizes": [1, 2]}, "late": True}
    assert run.exit_code == 3
