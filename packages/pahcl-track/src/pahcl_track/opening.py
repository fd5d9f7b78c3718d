"""The journal of a run that begins, or that is gone on with."""

import logging
import secrets
import sys
from dataclasses import replace
from pathlib import Path

from pahcl_track.errors import TrackerError, TrackingRequired
from pahcl_track.history import Reader
from pahcl_track.journal import Journal
from pahcl_track.protocol import Run
from pahcl_track.redaction import without_secrets
from pahcl_track.sent import SUFFIX

log = logging.getLogger(__name__)
log.addFilter(without_secrets)


def begin_journal(run: Run, *, required: bool) -> tuple[Journal, Run]:
    """The journal, or one that only counts where none can be written, and the run's identity.

    Raises:
        TrackingRequired: If it is required, and cannot be written.
    """
    try:
        return _open_journal(run)
    except (OSError, TrackerError) as error:
        if required:
            raise TrackingRequired(f"no journal: {error}") from error
        log.warning("no journal of this run: %s; the run goes on without it", error)
    journal = Journal(run.directory, written=False)
    return journal, _introduced(journal, run, None, -1)


def _open_journal(run: Run) -> tuple[Journal, Run]:
    """The journal, ready for the next event, and the run with its identity.

    The journal of an earlier run in this directory is set aside, unless it is gone on with.

    Raises:
        TrackerError: If another process writes it.
        OSError: If it cannot be made, opened or read.
    """
    journal = Journal(run.directory)
    before, last = None, -1
    try:
        if journal.path.stat().st_size > 0:
            if run.resumed_from_step is None:
                journal = _set_aside(journal)
            else:
                before, last = _so_far(journal.path)
    except BaseException:
        journal.close()
        raise
    return journal, _introduced(journal, run, before, last)


def _introduced(journal: Journal, run: Run, before: Run | None, last: int) -> Run:
    """The run, with an identity: what is gone on with keeps the one it was recorded under."""
    known = None if before is None else before.id
    run = replace(run, id=run.id or known or secrets.token_hex(4))
    journal.go_on_after(last)
    if before is None:  # nothing is there, or not the line that says of what it is
        journal.run(run)
    return run


def _set_aside(journal: Journal) -> Journal:
    """Keep the journal of an earlier run, and what was noted of it, beside the new one."""
    notes = journal.path.with_suffix(SUFFIX)
    number = 1
    while _is_taken(kept := journal.path.with_suffix(f".{number}.jsonl")):
        number += 1
    if sys.platform == "win32":  # which renames nothing that is open
        journal.close()
    journal.path.rename(kept)
    try:
        if notes.exists():
            notes.rename(kept.with_suffix(SUFFIX))
    except OSError as error:  # each tracker that is asked for forgets what was noted of it
        log.debug("%s cannot be set aside: %s", notes, error)
    journal.close()
    return Journal(journal.path.parent)


def _is_taken(kept: Path) -> bool:
    """Whether a journal was set aside there, or the notes of one that somebody removed."""
    return kept.exists() or kept.with_suffix(SUFFIX).exists()


def _so_far(path: Path) -> tuple[Run | None, int]:
    """The run that a journal is of, and the number of its last event."""
    run, last = None, -1
    for event in Reader(path).events():
        if isinstance(event, Run):
            run, last = event, max(last, 0)
        else:
            last = max(last, event.number)
    return run, last
