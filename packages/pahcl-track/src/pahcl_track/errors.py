"""What a user of trackers can mend."""


class TrackerError(ValueError):
    """A tracker or an option that cannot be used; the message says which, why, and what to do."""


class TrackingRequired(TrackerError):
    """A tracker that must not be missing did not start: the one error that ends a program."""
