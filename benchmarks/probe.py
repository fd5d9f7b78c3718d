"""What pretraining is worth to a linear probe, against the same encoder with random weights.

    PAHCL_REAL_DATA=DATA python benchmarks/probe.py [--seeds N] [--epochs N] [--set KEY=VALUE]
        [--output DIR] [--json]

For each seed an encoder is pretrained on all recordings of the three collections, without a label,
and compared with the one it began as: both frozen, a logistic regression on mean and deviation of
each recording's embeddings, five folds by person (`pahcl_core.training.probe`). Whom a regression
is tested on the encoder has heard, and so has not been told anything about: no label was used. The
figure is the mean over seeds of the difference in macro AUROC; its interval is over resamples of
the persons, and p over seeds by Wilcoxon's test. The budget says that no task loses.

A seed that `--output` holds already is not pretrained again.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from _checks import Check, format_table, real_data, report
from _probing import NAME, auroc, embedded, pretrained_encoder, random_encoder

from pahcl_core.config import apply_overrides, from_dict, to_dict
from pahcl_core.data.tasks import TASKS
from pahcl_core.metrics.paired import PairedRuns, paired_bootstrap
from pahcl_core.metrics.paired_runs import wilcoxon
from pahcl_core.models.encoder import Encoder
from pahcl_core.models.sizes import sized
from pahcl_core.training.cohorts import Cohorts, read_cohorts
from pahcl_core.training.evaluation import Predictions
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.probe import linear_probe
from pahcl_core.training.settings import PretrainConfig, ScheduleConfig
from pahcl_track import NullTracker

COLLECTIONS = ("circor", "physionet2016", "pascal")


def main() -> int:
    """Pretrain, probe, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    with tempfile.TemporaryDirectory() as scratch:
        configs = [
            _config(data, options.output or Path(scratch), seed, options.epochs, options.settings)
            for seed in seeds
        ]
        found = [_of_seed(config) for config in configs]
    return _reported(found, list(seeds), as_json=options.json)


def _config(
    data: Path, output: Path, seed: int, epochs: int, settings: Sequence[str]
) -> PretrainConfig:
    config = PretrainConfig(
        data={name: data / name for name in COLLECTIONS},
        output_dir=output,
        experiment_name=NAME.format(seed),
        seed=seed,
        train_on="all",
        training=ScheduleConfig(epochs=epochs, batch_size=32, checkpoint_every=0),
    )
    table, told = apply_overrides(to_dict(config), settings), apply_overrides({}, settings)
    table["encoder"] = sized({}, told.get("encoder", {}))  # another one has other numbers
    return from_dict(PretrainConfig, table, source="--set")


def _of_seed(config: PretrainConfig) -> Mapping[str, tuple[Predictions, Predictions]]:
    """For each task what probes say: on the pretrained encoder, and on a random one."""
    if not (config.output_dir / config.name / "final_metrics.json").exists():
        pretrain(config, tracker=NullTracker())
    cohorts = read_cohorts(config, lambda items, total: items)
    encoders = (
        pretrained_encoder(config, config.seed, config.output_dir),
        random_encoder(config, config.seed),
    )
    said, other = (_probed(encoder, cohorts, config) for encoder in encoders)
    return {name: (said[name], other[name]) for name in TASKS}


def _probed(
    encoder: Encoder, cohorts: Cohorts, config: PretrainConfig
) -> Mapping[str, Predictions]:
    rows = {name: embedded(encoder, cohort, config) for name, cohort in cohorts.by_name.items()}
    return {
        task.name: linear_probe(
            *rows[task.collection], cohorts.by_name[task.collection], task, seed=config.seed
        )
        for task in TASKS.values()
    }


def _reported(
    found: Sequence[Mapping[str, tuple[Predictions, Predictions]]],
    seeds: Sequence[int],
    *,
    as_json: bool,
) -> int:
    rows, checks, details = [], [], {}
    for task in TASKS.values():
        pairs = [one[task.name] for one in found]
        trained, random = (np.array([auroc(pair[side], task) for pair in pairs]) for side in (0, 1))
        first = pairs[0][0]
        apart = paired_bootstrap(
            [
                PairedRuns(
                    labels=first.labels,
                    probabilities=(one.probabilities, other.probabilities),
                    persons=[subject.person_id for subject in first.subjects],
                )
                for one, other in pairs
            ],
            class_names=task.classes,
            positive=task.positive,
            names=["auroc"],
        )["auroc"]
        over_seeds = wilcoxon(trained, random)
        better = int((trained > random).sum())
        rows.append(
            [
                task.name,
                f"{len(first.subjects)} {task.unit}s",
                f"{trained.mean():.3f} ± {trained.std(ddof=min(1, len(seeds) - 1)):.3f}",
                f"{random.mean():.3f} ± {random.std(ddof=min(1, len(seeds) - 1)):.3f}",
                f"{apart.difference:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]",
                f"{better}/{len(seeds)}",
                "–" if over_seeds.p is None else f"{over_seeds.p:.3f}",
            ]
        )
        checks.append(
            Check(name=f"{task.name}: macro AUROC above random", value=apart.difference, least=0.0)
        )
        details[task.name] = {
            "pretrained": trained.tolist(),
            "random": random.tolist(),
            "difference": apart.difference,
            "low": apart.low,
            "high": apart.high,
            "p_persons": apart.p,
            "p_seeds": over_seeds.p,
        }
    titles = ["task", "n", "pretrained", "random", "difference [95 %]", "better", "p over seeds"]
    return report(checks, as_json=as_json, table=format_table(titles, rows), details=details)


if __name__ == "__main__":
    sys.exit(main())
