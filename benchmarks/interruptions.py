"""Ctrl-C in each phase of each command: it ends in good order, and can be gone on with.

    python benchmarks/interruptions.py [--json] [--only COMMAND] ...

A command is interrupted as it enters a phase: while it reads, prepares, trains, validates, fits,
scores, puts together or writes. It is to end with exit code 130, without a traceback, and with a
last line that says how to go on. Then that is done, and what is left is compared with what one has
left that nobody interrupted: to the byte, and of the journal each value.
"""

import argparse
import importlib
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _checks import Check, format_table, report
from _forked import Ended, fault_checks, import_all, lines_of, pahcl, scratch_folder
from _small_runs import GOING_ON, OUT, Command, commands, gone_on_with

_TRAINING = {
    "training": "training.loop:_train_epoch",
    "a step of the optimiser": "training.optimisation:Optimiser.step#2",
    "writing the best model": "training.loop:save_checkpoint",
    "writing where it stands": "training.loop:save_state",
    "writing where it stands, later": "training.loop:save_state#2",
}
_PREPARING = {
    "hashing": "data.store:_entries",
    "preparing": "data.store:_prepare_some",
    "writing a part": "data.store_parts:Parts.write#9",
    "merging": "data.store:merge",
}
_FINETUNING = {
    **_TRAINING,
    "reading": "training.finetune:read_cohort",
    "validating": "training.finetuning:Finetuning.validate",
    "validating later": "training.finetuning:Finetuning.validate#2",
    "predicting": "training.finetuning:Finetuning.predict_best",
    "scoring": "training.conclusion:assess",
    "resampling persons": "training.assessment:bootstrap",
    "writing predictions": "training.finetune:write_predictions",
    "writing metrics": "training.finetune:write_json",
    "making the page": "training.finetune:save_report",
}
PHASES = {
    "prepare": _PREPARING,
    "pretrain": {
        **_TRAINING,
        "reading": "training.pretrain:read_cohorts",
        "validating": "training.pretraining:Pretraining.validate",
        "writing metrics": "training.pretrain:write_json",
        "making the page": "training.pretrain:save_report",
    },
    "finetune": _FINETUNING,
    "batch": {
        "reading": "studies.batch:read_first",
        "the first run's validation": "training.finetuning:Finetuning.validate",
        "the second run's metrics": "training.finetune:write_json#2",
        "putting together": "studies.batch:conclude",
        "writing the table": "studies.batch:write_batch",
    },
    "sweep": {
        "reading": "studies.sweep:_read_data",
        "the first trial's validation": "training.finetuning:Finetuning.validate",
        "the second trial's metrics": "training.finetune:write_json#2",
        "putting together": "studies.sweep:concluded",
        "writing the table": "studies.sweep:write_report",
    },
}
"""By command, what is interrupted: a function of `pahcl_core`, as it is called (`#2`: again)."""

FAULTS = (
    "another exit code than 130",
    "a traceback, or no line on how to go on",
    *GOING_ON,
)


@dataclass(kw_only=True, slots=True)
class Found:
    """What all trials came to."""

    phases: Counter[str] = field(default_factory=Counter)
    """Interruptions, by command."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    """Which of `FAULTS`, and a line on it."""


def main() -> int:
    """Interrupt, go on, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--only", action="append", default=[], help="a command; repeatable")
    options = parser.parse_args()
    import_all()
    found = Found()
    with scratch_folder() as folder:
        for command, how in commands(folder).items():
            if command in (options.only or [command]):
                _each_phase(command, how, folder, found)
    checks = [Check(name="interruptions", value=found.phases.total(), least=1)]
    checks += fault_checks(found.faults, FAULTS)
    rows = [[name, str(count)] for name, count in found.phases.items()]
    lines = [format_table(["command", "phases"], rows), *lines_of(found.faults)]
    details = {"phases": found.phases, "faults": found.faults}
    return report(checks, as_json=options.json, table="\n".join(lines), details=details)


def _each_phase(name: str, command: Command, folder: Path, found: Found) -> None:
    alone = pahcl(command.arguments, folder)
    if alone.code != 0:
        raise RuntimeError(f"{name}, undisturbed, ended with {alone.code}: {alone.said}")
    wanted = command.left(folder / OUT)
    (folder / OUT).rename(folder / f"{name} alone")
    for phase, target in PHASES[name].items():
        mark = folder / "reached"
        ended = pahcl(command.arguments, folder, before=_interrupting(target, mark))
        if mark.exists():
            mark.unlink()
            found.phases[name] += 1
            _ended_well(f"{name}, {phase}", command, folder, ended, wanted, found)
        else:
            found.faults.append((FAULTS[0], f"{name}: {phase} was never reached"))
        if (folder / OUT).exists():
            (folder / OUT).rename(folder / f"{name} {phase}")


def _ended_well(
    where: str, command: Command, folder: Path, ended: Ended, wanted: dict[str, Any], found: Found
) -> None:
    if ended.code != 130:
        found.faults.append((FAULTS[0], f"{where}: {ended.code}: {ended.said[-400:]}"))
    lines = ended.said.splitlines()
    if "Traceback" in ended.said or not lines or not lines[-1].startswith("interrupted: "):
        found.faults.append((FAULTS[1], f"{where}: {ended.said[-800:]}"))
    if fault := gone_on_with(command, ended, folder, wanted):
        found.faults.append((fault[0], f"{where}: {fault[1]}"))


def _interrupting(target: str, mark: Path) -> Callable[[], None]:
    """What has a command interrupted when it calls a function."""

    def arrange() -> None:
        module, path, number = re.fullmatch(r"([\w.]+):([\w.]+)(?:#(\d))?", target).groups()
        owner: Any = importlib.import_module(f"pahcl_core.{module}")
        *classes, name = path.split(".")
        for one in classes:
            owner = getattr(owner, one)
        inner, calls = getattr(owner, name), 0

        def entered(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            nonlocal calls
            calls += 1
            if calls == int(number or 1):
                mark.touch()
                signal.raise_signal(signal.SIGINT)
            return inner(*args, **kwargs)

        setattr(owner, name, entered)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored

    return arrange


if __name__ == "__main__":
    sys.exit(main())
