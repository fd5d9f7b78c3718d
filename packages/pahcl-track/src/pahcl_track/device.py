"""Values that still lie on an accelerator: fetched by a thread of their own.

Reading one makes the reader wait until the device has computed it. The program's thread only has a
copy made on the device, which does not wait; this thread reads the copy.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pahcl_track.redaction import without_secrets
from pahcl_track.waiting import wait_for

log = logging.getLogger(__name__)
log.addFilter(without_secrets)

_Item = tuple[Mapping[str, Any], int] | threading.Event | None


class DeviceValues:
    """Hands rows on once their values have arrived on the host."""

    def __init__(self, record: Callable[[Mapping[str, Any], int], None]) -> None:
        """Take what to call with each row; the thread starts with the first."""
        self._record = record
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    def put(self, values: Mapping[str, Any], step: int) -> None:
        """Take copies of values; never waits for a device."""
        with self._beginning:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="pahcl-track-device", daemon=True
                )
                self._thread.start()
        self._queue.put((values, step))

    def flush(self, timeout_s: float) -> bool:
        """Whether everything taken so far was handed on within that time."""
        if self._thread is None:
            return True
        reached = threading.Event()
        self._queue.put(reached)
        return wait_for(reached, timeout_s)

    def close(self) -> None:
        """Take no more; the thread ends with what it was given before."""
        if self._thread is not None:
            self._queue.put(None)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self._record(*item)
            except BaseException as error:
                log.warning("values on a device could not be read: %s", error, exc_info=error)
