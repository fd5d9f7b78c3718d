"""A preparation killed again and again at random moments ends with the store of one left alone.

    PAHCL_REAL_DATA=DATA python benchmarks/prepare_kills.py [--json]

Each round begins with an empty store. A process prepares real recordings with two workers and is
killed with SIGKILL after a random time, again and again, until one gets to its end; the times reach
from its start to after its end, so that it is hit while it hashes, prepares, writes and merges.
Then the store is compared, byte for byte, with that of a process that nobody disturbed.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _checks import Check, real_data, report
from _kills import mark_children, orphans

_PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.readers import READERS
from pahcl_core.data.store import prepare

root, store, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
collection = READERS["circor"].read(root, max_damaged=1.0, strict=False)
collection = replace(collection, recordings=collection.recordings[:count])
print("ready", flush=True)
prepare(collection, SignalConfig(cycles="segmentation"), store=store, num_workers=2)
"""


def main() -> int:
    """Kill, compare, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--kills", type=int, default=100, help="in all (100)")
    parser.add_argument("--recordings", type=int, default=100, help="to prepare (100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    options = parser.parse_args()
    data = real_data(as_json=options.json)
    if data is None:
        return 0
    rng = random.Random(options.seed)
    mark_children()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PROGRAM, str(data / "circor")]
        count = str(options.recordings)
        whole_s = _run([*command, f"{folder}/alone", count], kill_after_s=None)
        assert whole_s is not None, "nobody killed it"
        wanted = _content(Path(folder) / "alone")
        kills = rounds = different = unfinished = left_over = 0
        while kills < options.kills:
            store = Path(folder) / f"round{rounds}"
            rounds += 1
            while True:
                ended = _run(
                    [*command, str(store), count],
                    # The last kills of a round come late, when little is left to do.
                    kill_after_s=rng.random() * 1.1 * whole_s if kills < options.kills else None,
                )
                if ended is not None:
                    break
                kills += 1
            different += _content(store) != wanted
            unfinished += sum(1 for _ in store.glob(".*.unfinished"))
            left_over += sum(1 for path in store.rglob("*.part"))
    alive = orphans()
    lines = [
        f"{kills} kills in {rounds} rounds of {options.recordings} recordings; one left alone "
        f"took {whole_s:.1f} s"
    ]
    checks = [
        Check(name="kills", value=kills, least=options.kills),
        Check(name="rounds that ended with another store", value=different, most=0),
        Check(name="unfinished collections left", value=unfinished, most=0),
        Check(name="parts left", value=left_over, most=0),
        Check(name="workers that did not end", value=alive, most=0),
    ]
    return report(checks, as_json=options.json, table="\n".join(lines))


def _run(command: list[str], *, kill_after_s: float | None) -> float | None:
    """Seconds from where it began to prepare to its end; None if it was killed before that.

    What comes before, Python's imports, may take longer than the preparation on a busy machine.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        began = time.monotonic()
        process.wait(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    finally:
        process.stdout.close()
    process.wait()
    took_s = time.monotonic() - began
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a preparation ended with {process.returncode}")
    return took_s if process.returncode == 0 else None


def _content(store: Path) -> dict[str, str]:
    """Hashes of the files of the collections in a store."""
    files = (path for path in store.glob("circor-*/*"))
    return {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


if __name__ == "__main__":
    sys.exit(main())
