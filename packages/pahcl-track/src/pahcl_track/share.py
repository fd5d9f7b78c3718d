"""The time that a tracker may take from a program that runs.

On a busy machine whatever a tracker computes is taken from the training, so that it has a small
share of the time. What piles up meanwhile goes out at the end.
"""

import threading
import time

SHARE = 0.02
"""Of the time, for a tracker while the program runs."""

_BURST_S = 0.05  # what a tracker may take at once, whatever its share


class Share:
    """Has a tracker wait until its share of the time has made up for what it took."""

    def __init__(self, hurry: threading.Event) -> None:
        """Begin with what it may take at once; there is no waiting once `hurry` is set."""
        self._hurry = hurry
        self._took_s = 0.0
        self._credit_s, self._counted_at = _BURST_S, time.monotonic()

    @property
    def spent(self) -> bool:
        """Whether the tracker took more than it may."""
        return self._credit_s < 0

    def take(self, seconds: float) -> None:
        """Count what the tracker took, for `settle`."""
        self._took_s += seconds

    def settle(self) -> None:
        """Wait, if it took more than it may."""
        now = time.monotonic()
        self._credit_s += SHARE * (now - self._counted_at) - self._took_s
        self._credit_s, self._counted_at = min(self._credit_s, _BURST_S), now
        self._took_s = 0.0
        if self.spent:
            self._hurry.wait(-self._credit_s / SHARE)
