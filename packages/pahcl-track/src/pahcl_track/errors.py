"""What a user of trackers can mend, and any error in words."""


class TrackerError(ValueError):
    """A tracker or an option that cannot be used; the message says which, why, and what to do."""


class TrackingRequired(TrackerError):
    """A tracker that must not be missing did not start: the one error that ends a program."""


def describe(error: BaseException) -> str:
    """An error in one line."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001  whoever wrote it may have made a mistake there, too
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
