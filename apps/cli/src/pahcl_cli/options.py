"""Options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

from pahcl_core.errors import SettingError

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The folder with the collection.", show_default=False),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="NAME=DIR",
        help="A collection: circor=DIR, physionet2016=DIR, pascal=DIR, folder:NAME=DIR. "
        "Repeatable.",
        show_default=False,
    ),
]
Model = Annotated[
    Path, typer.Argument(help="A run, its best_model.pt, or what `pahcl export` has made of it.")
]
CollectionOption = Annotated[
    str, typer.Option("--collection", help="circor, physionet2016, pascal or folder.")
]
FewShot = Annotated[
    bool | None,
    typer.Option("--few-shot/--all-shots", help="Train on a share of the persons."),
]
ShotRatio = Annotated[
    float | None, typer.Option("--shot-ratio", help="That share.", show_default="0.1")
]
ShotsPerClass = Annotated[
    int | None,
    typer.Option("--shots-per-class", help="Train on so many persons of each class."),
]
Folds = Annotated[
    int | None,
    typer.Option("--folds", help="Test everyone once, in so many folds by person.", min=2),
]
Seeds = Annotated[
    int | None,
    typer.Option("--seeds", help="Runs of each, with as many seeds from --seed on.", min=1),
]
Jobs = Annotated[int, typer.Option("--jobs", help="Runs at a time, where there are many.", min=1)]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Times through the recordings.")]
LearningRate = Annotated[float | None, typer.Option("--lr", help="Highest learning rate.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Cycles in a step.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of the split, the model, the draws.")]
OutputDir = Annotated[
    Path | None,
    typer.Option("--output-dir", help="Holds one folder per run.", show_default="outputs"),
]
ExperimentName = Annotated[
    str | None, typer.Option("--experiment-name", help="That folder's name.")
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Precision = Annotated[
    str | None, typer.Option("--precision", help="auto, float32, bfloat16 or float16.")
]
Compile = Annotated[
    bool | None,
    typer.Option("--compile/--no-compile", help="Compile the encoder.", show_default=False),
]
NumWorkers = Annotated[
    int | None,
    typer.Option(
        "--num-workers", help="Processes that prepare recordings.", show_default="one per core"
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting: training.epochs=5. Repeatable."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A run file, such as a run's config.toml.")
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume", metavar="RUN", help="Go on with this run's folder.", show_default=False
    ),
]
TrackerOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker-option", metavar="NAME.KEY=VALUE", help="Such as wandb.mode=offline. Repeatable."
    ),
]

_HOMES = {
    "circor": "https://physionet.org/content/circor-heart-sound/1.0.3/",
    "physionet2016": "https://physionet.org/content/challenge-2016/1.0.0/",
    "pascal": "http://www.peterjbentley.com/heartchallenge/",
}


def require_data(table: dict[str, object], command: str, collection: str) -> None:
    """Refuse to go on without data.

    Raises:
        SettingError: Saying how to get some.
    """
    if "data_dir" in table or "data" in table:
        return
    if collection in _HOMES:
        how = (
            "the folder with the collection; "
            f"`pahcl data download {collection}` fetches it (free, {_HOMES[collection]})"
        )
    else:
        how = "the folder with your recordings and a .csv table with their path and subject"
    raise SettingError(
        f"no data: give --data-dir, {how}. To try everything out on made-up recordings: "
        f"pahcl data synth {collection} data/synthetic && "
        f"pahcl {command} --data-dir data/synthetic"
    )
