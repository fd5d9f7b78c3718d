"""A disk of a chosen size, which can be full or read-only also for root. Linux only."""

import os
import subprocess
import sys
from pathlib import Path

PAGE = 4096
_INSIDE = "PAHCL_MOUNTS"


def may_mount() -> bool:
    """Whether this process can mount; if not, it is begun again where it can.

    File systems are mounted in a namespace of its own, so that they end with it.
    """
    if _INSIDE in os.environ:
        return True
    for unshare in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        try:
            tried = subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "/mnt"], check=False,
                                   capture_output=True)  # fmt: skip
        except FileNotFoundError:
            return False
        if tried.returncode == 0:
            os.environ[_INSIDE] = "1"
            os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
    return False


class SmallDisk:
    """A file system in memory, of so many pages."""

    def __init__(self, folder: Path, pages: int) -> None:
        """Mount it on a folder, which is made."""
        self.folder = folder
        folder.mkdir(exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={max(1, pages) * PAGE}", "none", str(folder))

    def resize(self, pages: int) -> None:
        """Make it larger."""
        _mount("-o", f"remount,rw,size={pages * PAGE}", str(self.folder))

    def read_only(self) -> None:
        """Let nobody write, not even root."""
        _mount("-o", "remount,ro", str(self.folder))

    @property
    def used(self) -> int:
        """Pages."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize // PAGE

    def remove(self) -> None:
        """Unmount it, with all that it holds."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
