"""Every benchmark that does harm, one after the other, and a page of what they counted.

    python scripts/campaign.py [--quick] [--only SCRIPT] ... [--anew]

What each printed is kept in `build/campaign`; a campaign that was interrupted goes on from there,
with `--anew` from the beginning. The page is docs/reliability.md. `--quick` does little of each, to
see that all of it works, and writes its page beside what it keeps.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "build/campaign"
PAGE = REPOSITORY / "docs/reliability.md"
_HEAD = """# Reliability

What was done to PA-HCL on purpose, how often, and what came of it. `make campaign` does it all
again and writes this page; every figure on it was counted by the command beside it.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A benchmark of the campaign."""

    script: str
    title: str
    done: str
    """What it does, and what has to hold, in a sentence or two."""

    whole: Sequence[str] = ()
    quick: Sequence[str] = ()
    """Arguments."""


PARTS = (
    Part(
        script="resume_kills.py",
        title="Trainings that are killed",
        done="A pretraining is killed (SIGKILL) at random moments and resumed until it gets to its "
        "end. What it has left has the bytes of a run that nobody disturbed.",
        quick=("--kills", "1", "--epochs", "2"),
    ),
    Part(
        script="prepare_kills.py",
        title="Preparations that are killed",
        done="A preparation of real recordings with two workers is killed at random moments and "
        "begun again. The store has the bytes of one left alone.",
        quick=("--kills", "1", "--recordings", "4"),
    ),
    Part(
        script="interruptions.py",
        title="Ctrl-C in each phase",
        done="Each command is interrupted as it enters a phase. It ends with exit code 130 and a "
        "line that says how to go on; what is left after that has the bytes of a run left alone.",
        quick=("--only", "pretrain"),
    ),
    Part(
        script="disk_full.py",
        title="Disks that are full or read-only",
        done="Each command runs on disks of 1, 2, 3, … pages of 4 KiB, up to one that holds all it "
        "writes. It ends with one line that says to make room; once there is room, it goes on to "
        "the same bytes. At last the disk is read-only.",
        quick=("--only", "pretrain", "--every", "40"),
    ),
    Part(
        script="read_faults.py",
        title="Damaged recordings and tables",
        done="Real collections are damaged in one to three ways each, read and prepared. Each is "
        "refused with its name, or read as another library reads it.",
        quick=("--inputs", "6", "--jobs", "1"),
    ),
    Part(
        script="hostile_inputs.py",
        title="Files that mean harm",
        done="Models that hold code, tables whose paths lead out of their folder, and headers that "
        "claim gigabytes are given to the commands that read them. Nothing of it happens.",
    ),
    Part(
        script="track_faults.py",
        title="Trackers, servers and journals in trouble",
        done="Programs that log are killed and go on; trackers raise, hang, are slow or late; "
        "disks are full; a W&B server on loopback fails in every way. The training is the same, "
        "the journal is complete, and a replay completes the rest.",
        quick=("--only=kills", "--only=troubles", "--kills=2", "--runs=7", "--steps=40"),
    ),
    Part(
        script="long_runs.py",
        title="An hour of sound, a day of training",
        done="A recording of an hour is segmented, prepared and asked about; a run of 24 simulated "
        "hours logs a row each second. Memory and open files stay where they were.",
        quick=("--minutes", "2", "--hours", "0.5"),
    ),
)


def main() -> int:
    """Do what is missing, write the page; returns 1 if anything was not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a little of each")
    parser.add_argument("--anew", action="store_true", help="also what is done already")
    parser.add_argument("--only", action="append", default=[], help="a script; repeatable")
    parser.add_argument("--kept", type=Path, default=RESULTS, help="folder of what is kept")
    options = parser.parse_args()
    folder = options.kept / ("quick" if options.quick else "whole")
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        kept = folder / f"{part.script}.json"
        if part.script in (options.only or [part.script]) and (options.anew or not kept.exists()):
            sys.stderr.write(f"== {part.script}\n")
            found = _run(part.script, part.quick if options.quick else part.whole)
            kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8", newline="\n")
    found = {
        part.script: json.loads((folder / f"{part.script}.json").read_text(encoding="utf-8"))
        for part in PARTS
        if (folder / f"{part.script}.json").exists()
    }
    page = folder / PAGE.name if options.quick else PAGE
    page.write_text(written(found), encoding="utf-8", newline="\n")
    missed = [script for script, one in found.items() if not _held(one)]
    if missed:
        sys.stderr.write(f"not as it should be: {', '.join(missed)}\n")
    return 1 if missed else 0


def _run(script: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What a benchmark printed, and how it was begun."""
    command = [sys.executable, str(REPOSITORY / "benchmarks" / script), "--json", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    try:
        printed = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise SystemExit(f"{script} ended with {done.returncode}, and counted nothing") from error
    shown = " ".join(["python", f"benchmarks/{script}", *arguments])
    return {"command": shown, "environment": _environment(), **printed}


def _environment() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "wandb"))
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"Python {platform.python_version()} on {system}; {libraries}"


def written(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page; of the parts that were done, in their order."""
    return "\n".join([_HEAD, *(line for part in PARTS for line in _section(part, found))])


def _section(part: Part, found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f"## {part.title}\n"
    yield f"{part.done}\n"
    one = found.get(part.script)
    if one is None:
        yield "Not done yet.\n"
        return
    yield f"`{one['command']}`, {one['environment']}:\n"
    if "skipped" in one:
        yield f"{one['skipped']}\n"
        return
    yield "| counted | | allowed |"
    yield "| --- | ---: | ---: |"
    for check in one["checks"]:
        yield f"| {check['name']} | {_shown(check)} | {_allowed(check)} |"
    yield ""


def _shown(check: Mapping[str, Any]) -> str:
    value = check["value"]
    number = "–" if value is None else f"{value:.0f}" if value == int(value) else f"{value:.3g}"
    text = f"{number} {check['unit']}".rstrip()
    return text if check["ok"] else f"**{text}**"


def _allowed(check: Mapping[str, Any]) -> str:
    return (check["budget"] or "").replace("<= ", "at most ").replace(">= ", "at least ")


def _held(one: Mapping[str, Any]) -> bool:
    return all(check["ok"] for check in one["checks"])


if __name__ == "__main__":
    sys.exit(main())
