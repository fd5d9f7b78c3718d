"""The journal alone: a run's record on disk, and nothing else."""

from pahcl_track.session import Session


class JournalTracker(Session):
    """Writes `journal.jsonl` in the run's directory; see `pahcl_track.journal`.

    Every session writes one, so that this tracker adds nothing to a session it is asked for in.
    """

    def __init__(self) -> None:
        """Nothing to choose."""
        super().__init__({})
