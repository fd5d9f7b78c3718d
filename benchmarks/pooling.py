"""What it is worth to average each phase of a cycle apart, on real recordings.

    PAHCL_REAL_DATA=DATA python benchmarks/pooling.py [--seeds N] [--epochs N] [--json]

The same encoder is trained on `circor_murmur` twice for each seed: with one average over the tokens
of the whole cycle, and with one for each of the four phases. Everything else is equal, the split
among it. The figure is the area under the ROC curve for Present against the rest over the test
patients, whose number is stated; the budget says that phases are no worse.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from _checks import Check, format_table, real_data, report

from pahcl_core.training.finetune import finetune
from pahcl_core.training.settings import FinetuneConfig, ScheduleConfig
from pahcl_track import NullTracker

SCORE = "test_auroc_Present"


def main() -> int:
    """Train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    scores: dict[str, list[float]] = {"cycle": [], "phases": []}
    num_test: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for pool, found in scores.items():
                config = FinetuneConfig(
                    task="circor_murmur",
                    data_dir=data / "circor",
                    output_dir=Path(folder),
                    experiment_name=f"{pool}_{seed}",
                    seed=seed,
                    training=ScheduleConfig(epochs=options.epochs, checkpoint_every=0),
                )
                config = replace(config, encoder=replace(config.encoder, pool=pool))
                metrics = finetune(config, tracker=NullTracker()).metrics
                found.append(metrics[SCORE])
                num_test.append(metrics["n"]["test"])
    rows = [
        [str(seed), f"{one:.3f}", f"{four:.3f}", str(num_test[2 * seed])]
        for seed, (one, four) in enumerate(zip(scores["cycle"], scores["phases"], strict=True))
    ]
    means = {pool: statistics.fmean(found) for pool, found in scores.items()}
    checks = [
        Check(name="AUROC of Present, one average over the cycle", value=means["cycle"]),
        Check(name="AUROC of Present, one for each phase", value=means["phases"]),
        Check(name="phases minus cycle", value=means["phases"] - means["cycle"], least=0.0),
    ]
    table = format_table(["seed", "cycle", "phases", "test patients"], rows)
    return report(checks, as_json=options.json, table=table, details={"scores": scores})


if __name__ == "__main__":
    sys.exit(main())
