"""The sections of recordings to look at and to listen to."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pahcl_core.data.samples import read_samples
from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, SettingError
from pahcl_core.report.blocks import (
    Block,
    Figure,
    Key,
    Note,
    Section,
    Shown,
    ShownRecordings,
    Table,
    absent,
)
from pahcl_core.report.chosen import Chosen, num_wrong, right_ones, wrong_ones
from pahcl_core.report.hearing import Heard, Hearing, Share, Shares
from pahcl_core.report.material import Material
from pahcl_core.report.sound import MOST_S, sound_address
from pahcl_core.report.sound_chart import Excerpt, sound_chart
from pahcl_core.signal.cycles import PHASES, Cycles

_ALIKE = 1e-9  # weights that differ by less are the same
_ROUNDING = 1e-6  # seconds
_RIGHT, _WRONG = "Example recordings", "Wrong predictions"
_KEY = Key(
    items=[
        *((f"p{number}", name) for number, name in enumerate(PHASES, start=1)),
        ("weight", "cycles, in percent: what each counted for, or said by itself"),
    ]
)


def recording_sections(
    material: Material, *, sounds: bool | None, data_dir: Path | None
) -> list[Section]:
    """Right predictions, and wrong ones.

    Args:
        material: Of the run.
        sounds: Whether recordings can be listened to; None for those of a public or a synthetic
            collection alone: those of somebody's own patients go nowhere unasked.
        data_dir: Where the recordings are, if not where the run found them.
    """
    both = (("recordings", _RIGHT), ("wrong", _WRONG))
    if not material.results:
        return [absent(name, title, material.no_results) for name, title in both]
    result = material.results[0]
    task = result.task
    unasked = sounds is None
    if sounds is None:
        sounds = may_be_held(task, material.metrics.get("provenance"))
    try:
        hearing = Hearing(material, task, data_dir)
        right = list(_shown(right_ones(result), hearing, task, sounds))
        wrong = list(_shown(wrong_ones(result), hearing, task, sounds))
    except (DataError, SettingError, OSError) as error:
        return [absent(name, title, f"{error}") for name, title in both]
    listening = _listening(sounds, own=unasked and not sounds)
    how = "The surest right prediction of each class."
    count = num_wrong(result)
    some = f"the {len(wrong)} that the model was surest of" if count > len(wrong) else "all of them"
    of = f", told with seed {result.run.seed}," if len(material.results) > 1 else ""
    one = f"1 prediction of the test{of} is wrong."
    many = f"{count} predictions of the test{of} are wrong; here are {some}, the surest first."
    mistaken = one if count == 1 else many
    return [
        _section(
            "recordings", _RIGHT, how, right, hearing, listening, nothing="no prediction is right"
        ),
        _section(
            "wrong", _WRONG, mistaken, wrong, hearing, listening, nothing="no prediction is wrong"
        ),
    ]


def may_be_held(task: Task, provenance: object) -> bool:
    """Whether the sound of recordings may be held by a page that nobody asked for.

    That page may be sent to a tracker. Public collections may be passed on, and what is made up;
    recordings of somebody's own patients may not.
    """
    return task.collection != "folder" or provenance == "synthetic"


def _listening(sounds: bool, *, own: bool) -> str:
    """What a reader is told of the sound."""
    if sounds:
        return "The sound is that of the file, its loudest sample at full scale."
    because = ", because they are your own" if own else ""
    return (
        f"They cannot be listened to here{because}: pahcl report RUN --sounds makes a page that "
        "holds their sound."
    )


def _section(
    name: str,
    title: str,
    how: str,
    shown: Sequence[Shown],
    hearing: Hearing,
    listening: str,
    *,
    nothing: str,
) -> Section:
    if not shown:
        return absent(name, title, nothing)
    told = [
        how,
        f"Of each, up to {MOST_S:g} s of the recording that counted for most are shown, as the "
        "model was given them."
        if hearing.has_shares
        else f"Of each, up to {MOST_S:g} s of a recording are shown. What a prediction rests on "
        "is not known of this run.",
    ]
    told.append(listening)
    blocks: list[Block] = [Note(text=" ".join(told)), _KEY, ShownRecordings(recordings=shown)]
    return Section(name=name, title=title, blocks=blocks)


def _shown(chosen: Sequence[Chosen], hearing: Hearing, task: Task, sounds: bool) -> Iterator[Shown]:
    for one in chosen:
        heard = hearing.of(one.unit)
        if heard is None:
            yield Shown(title=_title(one), lines=["None of its recordings is there any more."])
        elif not heard.prepared.is_usable:
            reasons = [remark.reason for remark in heard.prepared.remarks]
            yield Shown(title=_title(one), lines=[f"{heard.name}: {'; '.join(reasons)}"])
        else:
            yield _heard(one, heard, task, sounds)


def _title(one: Chosen) -> str:
    about = f"{one.label} " if one.label else ""
    said = f"{about}{one.said}, {one.probability:.2f}"
    return f"Said {said}: right" if one.is_right else f"Said {said}; it is {one.true}"


def _heard(one: Chosen, heard: Heard, task: Task, sounds: bool) -> Shown:
    begin_s, end_s = excerpt_of(heard)
    others = f", one of {heard.num_recordings} recordings" if heard.num_recordings > 1 else ""
    place = f" at {heard.recording.location}" if heard.recording.location else ""
    span = f"{begin_s:.1f} to {end_s:.1f} s"
    sound = ""
    if sounds:
        samples, rate = read_samples(heard.recording.path)
        part = samples[round(begin_s * rate) : round(end_s * rate)]
        sound = sound_address(part, sample_rate=rate)
    return Shown(
        title=_title(one),
        lines=[
            f"{task.unit.capitalize()} {one.unit}: {heard.name}{place}{others}, {span}.",
            _quality(heard),
        ],
        figure=_figure(one, heard, task, (begin_s, end_s), f"{heard.name}, {span}"),
        sound=sound,
        spoken=f"{heard.name}, {span}",
    )


def excerpt_of(heard: Heard) -> tuple[float, float]:
    """From when to when, in seconds: beginning with a cycle, where the cycles count for most."""
    duration_s = len(heard.prepared.samples) / heard.sample_rate
    shares: Shares = heard.shares or [
        Share(begin, end, 1.0, {}) for begin, *_, end in heard.bounds_s.tolist()
    ]
    best_s, most = 0.0, -1.0
    for start_s, *_ in shares:
        last_s = start_s + MOST_S + _ROUNDING
        inside = [s.weight for s in shares if s.begin_s >= start_s and s.end_s <= last_s]
        if sum(inside) > most + _ALIKE:
            best_s, most = start_s, sum(inside)
    begin_s = max(0.0, min(best_s, duration_s - MOST_S))
    return begin_s, min(begin_s + MOST_S, duration_s)


def _quality(heard: Heard) -> str:
    prepared = heard.prepared
    told = []
    if prepared.source == "windows":
        told.append("no cycles were found in it, so it is heard in fixed windows")
    else:
        rate = Cycles(bounds_s=prepared.bounds_s).heart_rate_bpm or 0.0
        told.append(f"{rate:.0f} beats a minute, phases from its {prepared.source}")
    if heard.has_changed:
        told = ["it is not what the run was given: its cycles are elsewhere, and not drawn"]
    if not np.isnan(prepared.quality):
        told.append(f"quality {prepared.quality:.2f}")
    told += [flag.replace("_", " ") for flag in prepared.flags]
    return f"{', '.join(told)}."


def _figure(one: Chosen, heard: Heard, task: Task, span: tuple[float, float], title: str) -> Figure:
    begin_s, end_s = span
    shares = () if heard.has_changed else heard.shares
    inside = [share for share in shares if share.end_s > begin_s and share.begin_s < end_s]
    own = [_own_probability(one, share, task) for share in inside]
    weights = [share.weight for share in inside]
    alike = bool(inside) and max(weights) - min(weights) < _ALIKE
    told = "The sound; below it S1, systole, S2 and diastole."
    if alike:
        told += f" Its cycles count alike; the bars are what each says of {one.said} by itself."
    elif inside:
        first, last, weight, _ = max(inside, key=lambda share: share.weight)
        told += f" Of the cycles shown, {first:.2f} to {last:.2f} s counted for most: {weight:.1%}."
    excerpt = Excerpt(
        begin_s=begin_s,
        end_s=end_s,
        sample_rate=heard.sample_rate,
        samples=heard.prepared.samples,
        bounds_s=heard.bounds_s,
        shares=[
            (share.begin_s, share.end_s, probability if alike else share.weight)
            for share, probability in zip(inside, own, strict=True)
        ],
        full_share=1.0 if alike else max(weights, default=1.0),
    )
    rows = [
        [f"{s.begin_s:.2f} s", f"{s.end_s:.2f} s", f"{s.weight:.2%}", f"{probability:.3f}"]
        for s, probability in zip(inside, own, strict=True)
    ]
    heads = ["from", "to", "counted for", f"{one.said} by itself"]
    return Figure(
        title=title,
        description=told,
        drawing=sound_chart(excerpt),
        table=Table(heads=heads, rows=rows) if rows else None,
    )


def _own_probability(one: Chosen, share: Share, task: Task) -> float:
    """Of what is said, from this cycle by itself."""
    if not one.label:
        return share.probabilities.get(one.said, 0.0)
    of_positive = share.probabilities.get(one.label, 0.0)
    return of_positive if one.said == task.positive else 1 - of_positive
