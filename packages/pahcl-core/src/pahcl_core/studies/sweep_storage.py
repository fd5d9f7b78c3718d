"""Where the trials of a sweep are written down: a file, or a database that many machines reach."""

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import filelock
import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from pahcl_core.errors import DataError, SettingError

JOURNAL = "study.journal"
_ATTEMPTS = 6
_WAIT_S = 60.0  # for others who are writing
_PACKAGES = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "pymysql": "PyMySQL",
}
"""What to install, by the module that is missing."""


class _FileLock(JournalFileOpenLock):
    """A lock that is gone with its process; who gets it cuts off what another wrote half of.

    Optuna's own lock outlives a process that is killed, for half a minute, and it refuses a file
    with half a line in it for ever.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._held = filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_WAIT_S)

    def acquire(self) -> bool:
        self._held.acquire()
        with contextlib.suppress(FileNotFoundError), self._path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
        return True

    def release(self) -> None:
        self._held.release()


def open_storage(url: str | None, directory: Path) -> BaseStorage:
    """The storage of a sweep.

    Args:
        url: Of a database, such as `sqlite:///sweeps.db` or `postgresql://user@host/sweeps`; None
            for a file in `directory`.
        directory: Of the sweep; it is there.

    Raises:
        SettingError: If the URL makes no sense, or its driver is not installed.
        SQLAlchemyError: If the database cannot be reached; see `reached`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is None:
        path = directory / JOURNAL
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_FileLock(path)))
    kind = urlsplit(url).scheme.partition("+")[0]
    if not kind:
        raise SettingError(
            f"--storage {url!r} is no URL of a database; write sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE"
        )
    options: dict[str, Any] = {"pool_pre_ping": True}  # a connection may die in a long training
    if kind == "sqlite":
        options = {"connect_args": {"timeout": _WAIT_S}}
    try:
        storage = _database(url, options)
    except ImportError as error:
        # Which driver SQLAlchemy takes by default differs between its versions.
        module = getattr(error.__cause__, "name", None) or "its driver"
        package = _PACKAGES.get(module, module)
        raise SettingError(
            f"--storage {kind}: {module} is missing: pip install {package}"
        ) from error
    except ArgumentError as error:  # which repeats the URL
        raise SettingError(f"--storage {kind}: is no URL of a database that is known") from error
    if kind == "sqlite":
        _one_at_a_time(storage.engine)
    return storage


def _one_at_a_time(engine: Engine) -> None:
    """Have SQLite lock the database before it reads what it is to change.

    By itself it does so when it writes, so that two processes may find the same trial waiting, and
    both take it.
    """

    def connected(connection: Any, record: object) -> None:  # noqa: ANN401  sqlite3's
        connection.isolation_level = None  # else sqlite3 begins transactions by its own rules

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
    engine.dispose()  # of what was connected before


def _database(url: str, options: dict[str, Any]) -> RDBStorage:
    """Where several processes make its tables at the same moment, all but one are refused."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return RDBStorage(url, engine_kwargs=options)
        except ArgumentError:
            raise
        except SQLAlchemyError:
            time.sleep(random.uniform(0.1, 0.5))  # apart from each other
    return RDBStorage(url, engine_kwargs=options)


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """Say in one line that a storage cannot be reached; no URL, which may hold a password.

    Raises:
        DataError: In place of what the storage makes of it.
    """
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        raise _unreached(error.__cause__ or error) from error
    except filelock.Timeout as error:
        raise DataError(f"{error.lock_file} is held by another process; try again") from error
    except SQLAlchemyError as error:
        raise _unreached(error) from error


def _unreached(error: BaseException) -> DataError:
    cause = getattr(error, "orig", None) or error
    line = " ".join(str(cause).split())
    return DataError(
        f"the sweep's storage does not answer: {line}; what was trained is kept, and the same "
        "command goes on with it"
    )
