"""Names of runs are names of folders, on every system that a run may be copied to."""

import re

_NEVER = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_DEVICES = {
    *("con", "prn", "aux", "nul"),
    *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10)),
}  # on Windows, with any suffix


def check_run_name(name: str) -> None:
    r"""Refuse a name that some system does not take, or takes for something else.

    On Windows `a:b` is a hidden part of the file `a`, `a\b` a folder in a folder, and `a.` is `a`.
    A `/` is one everywhere; it puts the run's folder into another.

    Raises:
        ValueError: With what is wrong with it.
    """
    if found := _NEVER.search(name):
        raise ValueError(
            f"experiment_name {name!r} holds {found[0]!r}, which not every system takes in the "
            "name of a folder; leave it out"
        )
    for part in name.split("/") if name else ():
        if part in ("", ".", "..") or part != part.rstrip(" ."):
            raise ValueError(f"experiment_name {name!r}: {part!r} is no name for a folder")
        if part.partition(".")[0].lower() in _DEVICES:
            raise ValueError(f"experiment_name {name!r}: {part!r} is a device on Windows")
