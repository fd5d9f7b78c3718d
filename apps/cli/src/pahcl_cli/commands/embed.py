"""`pahcl embed`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pahcl_cli import options
from pahcl_core.errors import SettingError

if TYPE_CHECKING:
    from pahcl_core.training.embedding import Embedded

Projection = Literal["pca", "tsne"]


def embed(
    model: options.Model,
    out: Annotated[Path, typer.Option("--out", help="The archive to write: FILE.npz.")],
    data_dir: options.DataDir = None,
    collection: options.CollectionOption = "circor",
    per_cycle: Annotated[
        bool, typer.Option("--per-cycle", help="A row for each cycle, not for each recording.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--map", help="Also draw the embeddings on a plane: FILE.png.")
    ] = None,
    projection: Annotated[Projection, typer.Option("--projection", help="Of the map.")] = "pca",
    label: Annotated[
        str | None,
        typer.Option(
            "--label", help="Colours the map.", show_default="the first of the collection's"
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of tsne.")] = 0,
    output_dir: options.OutputDir = None,
    device: options.Device = None,
    num_workers: options.NumWorkers = None,
) -> None:
    """Write the embeddings of a collection, with whose they are, to a NumPy archive.

    `numpy.load(FILE)["embedding"]` has a row for each recording; `subject_id`, `person_id`,
    `location`, `start_s`, `stop_s`, `label_<name>` and others say what each row is.
    """
    from pahcl_cli.progress import progress_bar, show_warnings
    from pahcl_core.config import from_dict
    from pahcl_core.training.embedding import EmbedConfig, write_embeddings
    from pahcl_core.training.embedding import embed as run_embed

    show_warnings()
    _refuse_names(out, picture)
    given = {
        "model": str(model),
        "data_dir": data_dir and str(data_dir),
        "collection": collection,
        "label": label,
        "per_cycle": per_cycle,
        "output_dir": output_dir and str(output_dir),
        "device": device,
        "num_workers": num_workers,
    }
    table: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    options.require_data(table, f"embed {model} --collection {collection}", collection)
    config = from_dict(EmbedConfig, table, source="settings")
    embedded = run_embed(config, progress=progress_bar(f"embed {collection}"))
    write_embeddings(out, embedded)
    width = embedded.columns["embedding"].shape[1]
    typer.echo(f"{out}: {len(embedded)} {embedded.about['row']}s, {width} numbers each")
    if picture is not None:
        _draw(embedded, picture, projection, label, seed)
        typer.echo(f"{picture}: a map of them, by {projection}")


def _refuse_names(out: Path, picture: Path | None) -> None:
    """Before anything costly."""
    from pahcl_core.plots.figure import require_picture

    if out.suffix != ".npz":
        raise SettingError(f"{out}: an archive's name must end in .npz")
    if not out.parent.is_dir():
        raise SettingError(f"{out}: there is no folder {out.parent}")
    if picture is not None:
        require_picture(picture)


def _draw(
    embedded: "Embedded", picture: Path, projection: Projection, label: str | None, seed: int
) -> None:
    from pahcl_core.evaluation.embedding_map import plane_of
    from pahcl_core.plots.embedding_plot import draw_embedding
    from pahcl_core.training.embedding import LABEL

    known = [name.removeprefix(LABEL) for name in embedded.columns if name.startswith(LABEL)]
    label = label or next(iter(known), None)
    column = None if label is None else embedded.columns.get(LABEL + label)
    values = [""] * len(embedded) if column is None else column.tolist()
    plane = plane_of(embedded.columns["embedding"], projection, seed=seed)
    row = embedded.about["row"]
    title = f"{len(embedded)} {row}s of {embedded.about['collection']}"
    if embedded.about["provenance"] == "synthetic":
        title += " (SYNTHETIC)"
    if label is not None:
        title += f", by {label}"
    draw_embedding(plane.points, values, picture, title=title, axes=plane.axes)
