"""Train the models that come with the package, and put them and their cards into it.

    python scripts/train_shipped_models.py DATA

`DATA` holds `circor/`, and `physionet2016/` and `pascal/` if they are to be learnt from, as they
are downloaded. An encoder is pretrained on all of them, but for the persons whom the fine-tuning
validates and tests on; a model of `circor_murmur` is fine-tuned from it, with its temperature and
its operating point chosen on validation persons. Where a run was interrupted, the same command goes
on; one that is complete is not made again. The cards are filled in from the runs' own figures.

`--set pretrain.KEY=VALUE` and `--set finetune.KEY=VALUE` change a setting of either run, and
`--set encoder.…`, `--set signal.…` those of both.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model_card import encoder_card, task_card

from pahcl_core.config import apply_overrides, from_dict, merge, read_toml, to_dict
from pahcl_core.data.readers import READERS
from pahcl_core.errors import DataError, SettingError, TrainingError
from pahcl_core.models.sizes import sized
from pahcl_core.training.checkpoint import export_checkpoint, load_checkpoint
from pahcl_core.training.finetune import finetune
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.run_directory import BEST, CONFIG, METRICS, STATE
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig
from pahcl_core.training.shipped import DEFAULT_MODEL, ENCODER, FOLDER, card_file, shipped_file
from pahcl_track import NullTracker

MAX_BYTES = 5_000_000  # of both models together
SHARED = ("encoder", "signal")
PRETRAIN: Mapping[str, Any] = {"experiment_name": "shipped_pretrain"}
FINETUNE: Mapping[str, Any] = {
    "task": DEFAULT_MODEL,
    "experiment_name": "shipped_finetune",
    # What was found best for murmurs, of what was tried: docs/experiments.md.
    "selection": "loss",
    "training": {"epochs": 4},
    "operating_point": {"rule": "challenge"},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is not trained, then write four files."""
    parser = argparse.ArgumentParser(description="Train the models that come with the package.")
    parser.add_argument("data", type=Path, help="holds circor/, physionet2016/ and pascal/")
    parser.add_argument("--work", type=Path, default=Path("outputs"), help="where the runs go")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the models go")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args(arguments)
    try:
        print("\n".join(make(given.data, given.work, given.out, given.set)))  # noqa: T201
    except (DataError, SettingError, TrainingError) as error:
        sys.exit(f"error: {error}")


def make(data: Path, work: Path, out: Path, overrides: Sequence[str]) -> list[str]:
    """Train, and write; returns a line for each file.

    Raises:
        DataError: If a collection cannot be used, or the models are too large.
        SettingError: If a setting does not fit.
        TrainingError: If a loss is no longer a number.
    """
    folders = {name: data / name for name in READERS if (data / name).is_dir()}
    if "circor" not in folders:
        raise DataError(f"{data}: holds no circor/, which the models are made from")
    before, after = _configs(folders, work, overrides)
    encoder_run, task_run = work / before.name, work / after.name
    _refuse_others(encoder_run, before)
    _refuse_others(task_run, after)
    if not (encoder_run / METRICS).exists():
        pretrain(before, tracker=NullTracker(), resume=(encoder_run / STATE).exists())
    if not (task_run / METRICS).exists():
        finetune(after, tracker=NullTracker(), resume=(task_run / STATE).exists())
    out.mkdir(parents=True, exist_ok=True)
    for name, run in ((ENCODER, encoder_run), (DEFAULT_MODEL, task_run)):
        export_checkpoint(shipped_file(name, out), load_checkpoint(run / BEST))
    size = sum(shipped_file(name, out).stat().st_size for name in (ENCODER, DEFAULT_MODEL))
    if size > MAX_BYTES:
        raise DataError(f"{out}: the models take {size} bytes together, more than {MAX_BYTES}")
    _write_card(ENCODER, out, encoder_card(*_told(encoder_run), tuple(folders)))
    card = task_card(*_told(task_run), load_checkpoint(task_run / BEST), tuple(folders))
    _write_card(DEFAULT_MODEL, out, card)
    return [f"{path}: {path.stat().st_size / 1e3:.0f} kB" for path in sorted(out.iterdir())]


def _configs(
    folders: Mapping[str, Path], work: Path, overrides: Sequence[str]
) -> tuple[PretrainConfig, FinetuneConfig]:
    table = apply_overrides({"pretrain": {}, "finetune": {}}, overrides)
    shared = {name: table[name] for name in SHARED if name in table}
    unknown = set(table) - {"pretrain", "finetune", *SHARED}
    if unknown:
        raise SettingError(
            f"--set {min(unknown)}…: begin with pretrain., finetune., {'., '.join(SHARED)}."
        )
    before = merge({**PRETRAIN, "output_dir": str(work)}, merge(shared, table["pretrain"]))
    before["data"] = {name: str(path) for name, path in folders.items()}
    after = merge({**FINETUNE, "output_dir": str(work)}, merge(shared, table["finetune"]))
    after |= {"data_dir": str(folders["circor"]), "task": DEFAULT_MODEL}
    after["pretrained"] = str(work / str(before["experiment_name"]) / BEST)
    for one in (before, after):
        one["encoder"] = sized({}, one.get("encoder", {}))
    return (
        from_dict(PretrainConfig, before, source="--set pretrain"),
        from_dict(FinetuneConfig, after, source="--set finetune"),
    )


def _refuse_others(run: Path, config: PretrainConfig | FinetuneConfig) -> None:
    """A run that is there must be the one that is asked for."""
    if not ((run / METRICS).exists() or (run / STATE).exists()):
        return
    before, now = read_toml(run / CONFIG), to_dict(config)
    differing = [name for name, value in now.items() if before.get(name) != value]
    if differing:
        raise SettingError(
            f"{run}: was made with other settings ({', '.join(differing)}); name another --work"
        )


def _told(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's figures and its settings."""
    return json.loads((run / METRICS).read_text(encoding="utf-8")), read_toml(run / CONFIG)


def _write_card(name: str, out: Path, text: str) -> None:
    card_file(name, out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
