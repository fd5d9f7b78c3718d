"""What a user of trackers can mend."""


class TrackerError(ValueError):
    """A tracker or an option that cannot be used; the message says which, why, and what to do."""
