"""What an ablation leaves behind: `ablation.json` and `ablation.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pahcl_core.config import to_dict
from pahcl_core.data.collection import Provenance
from pahcl_core.studies.ablation_plan import AblationPlan
from pahcl_core.studies.comparison import Row
from pahcl_core.studies.study import Failure
from pahcl_core.training.run_directory import write_atomically, write_json

JSON, CSV = "ablation.json", "ablation.csv"

_COLUMNS = (
    *("task", "variant", "settings", "num_units", "num_seeds", "auroc", "auroc_sd"),
    *("difference", "low", "high", "p", "num_better", "seconds", "undefined"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablation:
    """What came out."""

    directory: Path
    plan: AblationPlan
    rows: tuple[Row, ...]
    seconds: Mapping[str, float | None]
    """Mean time that a pretraining of each variant took, of those that were not interrupted."""

    failures: Mapping[str, Failure]
    """By the name of the run."""

    provenance: Provenance | None
    """Synthetic where any collection is; None where every run failed."""


def as_json(ablation: Ablation) -> dict[str, Any]:
    """All of it, as plain values."""
    plan = ablation.plan
    return {
        "study": plan.base.name,
        "directory": str(ablation.directory),
        "metric": "macro AUROC of a linear probe, differences from the base, 95 % intervals over "
        "persons",
        "provenance": ablation.provenance,
        "seeds": sorted({run.config.seed for run in plan.runs}),
        "variants": {
            variant.name: {
                "settings": list(variant.settings),
                "same_as": list(variant.same_as),
                "seconds": ablation.seconds[variant.name],
            }
            for variant in dict.fromkeys(
                (*plan.variants, *(run.variant for run in plan.references))
            )
        },
        "rows": [asdict(row) for row in ablation.rows],
        "failures": {name: failure.reason for name, failure in ablation.failures.items()},
        "base": to_dict(plan.base),
    }


def write_reports(ablation: Ablation) -> None:
    """Write both, each complete or as it was before."""
    write_json(ablation.directory / JSON, as_json(ablation))
    write_atomically(ablation.directory / CSV, lambda scratch: _write_csv(scratch, ablation))


def _write_csv(path: Path, ablation: Ablation) -> None:
    settings = {run.variant.name: run.variant.settings for run in ablation.plan.everything}
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in ablation.rows:
            apart = row.difference
            against = (apart.difference, apart.low, apart.high, apart.p) if apart else (None,) * 4
            writer.writerow(
                [
                    *(row.task, row.variant, " ".join(settings[row.variant]), row.num_units),
                    *(len(row.by_seed), row.mean, row.spread, *against, row.num_better),
                    *(ablation.seconds[row.variant], row.undefined),
                ]
            )
