"""Where the time of preparing goes, step by step, for both sides of `prepare.py`.

Each step is taken for eight recordings before the next is, as the preparation does it. Nothing is
left out: what the steps add up to is what the whole takes, but for what lies between them.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import _prepare_plainly as original

from pahcl_core.data.annotation import read_annotation
from pahcl_core.data.audio import read_audio
from pahcl_core.data.collection import Collection, Recording
from pahcl_core.data.kept_memory import keep_memory
from pahcl_core.data.preparation import SignalConfig, prepare_recordings
from pahcl_core.data.store_key import recording_key, settings_key
from pahcl_core.data.store_merge import Entry, collection_key, merge
from pahcl_core.data.store_parts import Parts
from pahcl_core.signal.cycles import Cycles, cycles_from_states
from pahcl_core.signal.despike import despike
from pahcl_core.signal.filtering import Wanted, filtered, normalise
from pahcl_core.signal.quality import rate_quality
from pahcl_core.signal.quality_measures import SLOW_RATE

TOGETHER = 8
_CONFIG = SignalConfig()
BAND = Wanted(rate=_CONFIG.sample_rate, band_hz=(_CONFIG.low_hz, _CONFIG.high_hz))
SLOW = Wanted(rate=SLOW_RATE)


class Stopwatch:
    """Milliseconds of processor time per recording, by step."""

    def __init__(self, num_recordings: int) -> None:
        self._num_recordings = num_recordings
        self.ms: dict[str, float] = {}

    def each(self, step: str, work: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """What comes of the work for each of some recordings."""
        began = time.process_time()
        done = [work(*row) for row in zip(*columns, strict=True)]
        spent_ms = 1000 * (time.process_time() - began)
        self.ms[step] = self.ms.get(step, 0.0) + spent_ms / self._num_recordings
        return done


def steps_of_this(collection: Collection, folder: Path) -> dict[str, float]:
    """Of ours, with cycles from annotations."""
    keep_memory()
    recordings = collection.recordings
    watch = Stopwatch(len(recordings))
    keys = watch.each("hash the files", recording_key, recordings)
    entries = [
        Entry(recording=one, key=key, stamp=None) for one, key in zip(recordings, keys, strict=True)
    ]
    parts = Parts(folder / "parts")
    for first in range(0, len(recordings), TOGETHER):
        some = recordings[first : first + TOGETHER]
        sounds = watch.each("read", lambda one: read_audio(one.path), some)
        passed = watch.each(
            "filter", lambda one: filtered(one[0], from_rate=one[1], wanted=[BAND, SLOW]), sounds
        )
        cycles = watch.each("cycles", annotated, some)
        watch.each(
            "judge",
            lambda sound, of, both: rate_quality(
                sound[0], sample_rate=sound[1], cycles=of, slow=both[1]
            ),
            sounds,
            cycles,
            passed,
        )
        clean = watch.each(
            "remove spikes", lambda both: despike(both[0], sample_rate=BAND.rate), passed
        )
        watch.each("scale", normalise, clean)
        prepared = prepare_recordings(some, _CONFIG)
        watch.each("save", parts.write, keys[first : first + TOGETHER], prepared)
    key = collection_key(collection, entries, settings_key(_CONFIG))
    watch.each(
        "put together",
        lambda at: merge(collection, entries, parts, store=at, key=key, config=_CONFIG),
        [folder],
    )
    return watch.ms


def annotated(recording: Recording) -> Cycles:
    """Its cycles, from its annotation."""
    states, _ = read_annotation(recording, file="")
    return cycles_from_states(states.start_s, states.end_s, states.state)


def steps_of_the_original(collection: Collection, folder: Path) -> dict[str, float]:
    """Of the original."""
    watch = Stopwatch(len(collection.recordings))
    for first in range(0, len(collection.recordings), TOGETHER):
        paths = [one.path for one in collection.recordings[first : first + TOGETHER]]
        sounds = watch.each("read", original.read, paths)
        passed = watch.each("filter", original.band, sounds)
        scaled = watch.each("scale", original.scale, passed)
        cycles = watch.each("cycles", original.cut, scaled)
        good = watch.each("judge", lambda some: [c for c in some if original.is_good(c)], cycles)
        watch.each("save", lambda some, path: original.save(some, folder, path.stem), good, paths)
    return watch.ms
