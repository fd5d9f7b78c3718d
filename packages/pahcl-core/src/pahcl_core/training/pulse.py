"""Signs of life: how a rank finds out which of the others is gone, however it went.

Each rank counts up in the store that all share, twice a second, from a thread of its own, and
watches the others' counts. One that ends leaves word of how; one that is killed cannot, but its
count stands still. Where this process hangs for good, waiting for one that is gone, it is ended.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch.distributed as dist

_BEAT_S = 0.5
_HOPELESS_S = 60.0  # torchrun has ended everything long before; other starters may never do so


@runtime_checkable
class Store(Protocol):
    """What all ranks write to and read from."""

    def set(self, key: str, value: str, /) -> object:
        """Write."""

    def get(self, key: str, /) -> bytes:
        """Read; waits until it is there."""

    def check(self, keys: list[str], /) -> bool:
        """Whether all are there."""


def connect() -> Store:
    """The store of the ranks of this start, by a connection of one's own."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    server = dist.TCPStore(host, port, is_master=False)  # type: ignore[attr-defined]
    store: Store = dist.PrefixStore(f"pahcl/{start}", server)  # type: ignore[attr-defined]
    return store


class Pulse:
    """The counts of all ranks, one's own among them."""

    KILLED = "no longer answers; it was killed, or its machine is gone"

    def __init__(self, store: Store, *, rank: int, count: int) -> None:
        """Count for the first time.

        Args:
            store: Shared by the ranks.
            rank: One's own number, from 0.
            count: How many ranks there are.
        """
        self._store = store
        self._rank = rank
        self._others = [one for one in range(count) if one != rank]
        self._seen: dict[int, bytes] = {}
        self._changed: dict[int, float] = {}
        self._words: dict[int, str] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._store.set(f"pulse/{rank}", "0")

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Count until the end of this, and leave word of it."""
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop,), name="pulse", daemon=True)
        thread.start()
        word = "has ended"
        try:
            yield
            word = ""
        except (KeyboardInterrupt, SystemExit):
            word = "interrupted"
            raise
        except BaseException as error:
            word = f"failed: {error or type(error).__name__}"
            raise
        finally:
            stop.set()
            thread.join()
            with contextlib.suppress(RuntimeError):  # the store may be gone before
                self._store.set(f"ended/{self._rank}", word)

    def gone(self, silent_s: float) -> dict[int, str]:
        """The others that have failed, or given no sign of life for so many seconds, and how.

        Those that have done all their work are not among them.
        """
        self._look()
        now = time.monotonic()
        with self._lock:
            lost = {rank: word for rank, word in self._words.items() if word}
            for rank, changed in self._changed.items():
                if rank not in self._words and now - changed > silent_s:
                    lost[rank] = self.KILLED
        return lost

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(_BEAT_S):
            self._number += 1
            with contextlib.suppress(RuntimeError):
                self._store.set(f"pulse/{self._rank}", str(self._number))
            hopeless = self.gone(_HOPELESS_S)
            if any(word == self.KILLED for word in hopeless.values()):
                names = ", ".join(f"rank {rank} {word}" for rank, word in hopeless.items())
                sys.stderr.write(f"error: {names}; this rank ends, too: go on with --resume\n")
                sys.stderr.flush()
                os._exit(1)  # the main thread waits for ever in an exchange

    def _look(self) -> None:
        """At the others' counts. A store that does not answer leaves them as they were."""
        with self._lock, contextlib.suppress(RuntimeError):
            for rank in self._others:
                if rank in self._words or not self._store.check([f"pulse/{rank}"]):
                    continue
                if self._store.check([f"ended/{rank}"]):
                    self._words[rank] = self._store.get(f"ended/{rank}").decode()
                    continue
                count = self._store.get(f"pulse/{rank}")
                if self._seen.get(rank) != count:
                    self._seen[rank] = count
                    self._changed[rank] = time.monotonic()
