"""`pahcl data prepare`."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from pahcl_cli import options


def prepare(
    directory: Annotated[Path, typer.Argument(help="The collection as downloaded.")],
    collection: options.CollectionOption = "circor",
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Where to.", show_default=".prepared in --output-dir"),
    ] = None,
    output_dir: options.OutputDir = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Only the I-th of N shares, from 1 to N."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Put shares together; refuse if one is missing.")
    ] = False,
    num_workers: options.NumWorkers = None,
    settings: options.Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Prepare a collection once: read, segment, filter, rate. A run with its settings finds it.

    Interrupted or killed, it goes on where it was. On a cluster each job takes a share, and
    --merge puts them together: pahcl data prepare DIR --shard 3/8, and at last --merge.
    """
    import numpy as np

    from pahcl_cli.progress import progress_bar, show_warnings
    from pahcl_cli.run_files import Layers
    from pahcl_core.config import from_dict
    from pahcl_core.data.readers import reader_of
    from pahcl_core.data.store import merge_shards, prepare_shard, shard_named
    from pahcl_core.data.store import prepare as prepare_all
    from pahcl_core.errors import SettingError
    from pahcl_core.training.people import refuse_damage
    from pahcl_core.training.settings import PrepareConfig

    show_warnings()
    if shard is not None and merge:
        raise SettingError("--shard and --merge: a share is prepared, or all are put together")
    share = None if shard is None else shard_named(shard)
    reader = reader_of(collection)
    named = {
        "data_dir": str(directory),
        "collection": collection,
        "store": store and str(store),
        "output_dir": output_dir and str(output_dir),
        "num_workers": num_workers,
    }
    layers = Layers(file=None, overrides=settings or (), named=named)
    config = from_dict(PrepareConfig, layers.resolved(), source="settings")
    found = reader.read(
        directory, strict=config.reading.strict, max_damaged=config.reading.max_damaged
    )
    how: dict[str, Any] = {
        "store": config.prepared,
        "num_workers": config.num_workers,
        "progress": progress_bar("preparing"),
    }
    if share is not None:
        count = prepare_shard(found, config.signal, share, **how)
        about: dict[str, Any] = {"shard": shard, "recordings": count, "store": str(config.prepared)}
        lines = [
            f"share {shard}: {count} of {len(found.recordings)} recordings prepared in "
            f"{config.prepared}",
            "when all shares are there: the same with --merge instead of --shard",
        ]
    else:
        if merge:
            cycles, problems, ratings = merge_shards(found, config.signal, store=config.prepared)
        else:
            cycles, problems, ratings = prepare_all(found, config.signal, **how)
        refuse_damage(found, cycles, problems, config.reading)
        problems = (*found.problems, *problems)
        sources = {name: cycles.sources.count(name) for name in dict.fromkeys(cycles.sources)}
        flags = Counter(flag for flags in ratings.flags for flag in flags)
        median = float(np.nanmedian(ratings.quality)) if any(ratings.quality >= 0) else None
        about = {
            "recordings": len(cycles.recordings),
            "cycles": len(cycles),
            "sources": sources,
            "median_quality": median,
            "flags": dict(flags),
            "not_used": [str(problem) for problem in problems],
            "store": str(config.prepared),
            "bytes": cycles.samples.nbytes,
        }
        origins = ", ".join(f"{count} by {name}" for name, count in sources.items())
        lines = [
            f"{len(cycles.recordings)} recordings of {len(found.subjects)} subjects: "
            f"{len(cycles)} cycles ({origins})",
            f"quality: median {'unknown' if median is None else f'{median:.2f}'}"
            + "".join(f", {count} with {flag}" for flag, count in flags.most_common()),
            f"in {config.prepared}, {cycles.samples.nbytes / 1e6:.0f} MB",
            f"not used: {len(problems)}",
            *(f"  {problem}" for problem in problems),
        ]
    typer.echo(json.dumps(about, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
