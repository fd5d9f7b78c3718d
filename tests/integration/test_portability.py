"""What the sources ask of an operating system: nothing that Windows or macOS lacks, but guarded."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for root in ("packages/pahcl-track/src", "packages/pahcl-core/src", "apps/cli/src")
    for path in (REPOSITORY / root).rglob("*.py")
)

# Of the standard library's documentation, "Availability: Unix" or less.
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "curses"}
NAMES = {
    "os": {
        *("fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getloadavg"),
        *(
            "getpgid",
            "getpgrp",
            "getsid",
            "killpg",
            "setsid",
            "setpgid",
            "setuid",
            "setgid",
            "nice",
        ),
        *("wait", "wait3", "wait4", "waitid", "WNOHANG", "register_at_fork", "posix_spawn"),
        *("sched_getaffinity", "sched_setaffinity", "sched_yield", "getpriority", "setpriority"),
        *(
            "chown",
            "lchown",
            "fchown",
            "fchmod",
            "chroot",
            "mkfifo",
            "mknod",
            "statvfs",
            "fstatvfs",
        ),
        *(
            "fdatasync",
            "sync",
            "sendfile",
            "pread",
            "pwrite",
            "preadv",
            "pwritev",
            "readv",
            "writev",
        ),
        *("O_DIRECTORY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "openpty", "uname"),
        *("memfd_create", "eventfd", "pipe2", "sysconf", "confstr", "setxattr", "getxattr"),
    },
    "signal": {
        *("SIGHUP", "SIGQUIT", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE"),
        *("SIGCONT", "SIGSTOP", "SIGTSTP", "SIGXFSZ", "SIGXCPU", "alarm", "setitimer", "pause"),
        *("pthread_kill", "pthread_sigmask", "siginterrupt", "sigwait", "sigtimedwait"),
    },
    "time": {"clock_settime", "pthread_getcpuclockid", "tzset"},
}
POSIX_ONLY = {f"{module}.{name}" for module, names in NAMES.items() for name in names}
GUARDED = {
    "pahcl_track/journal_file.py": {"fcntl"},  # beside msvcrt
    "pahcl_track/session.py": {"os.register_at_fork"},  # where there are forks
    "pahcl_cli/doctor_checks.py": {"os.sched_getaffinity"},  # else all cores
}
"""By module, what it names of these, and goes without where it is not there."""


def posix_only(tree):
    """What a module names that not every operating system has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from {one.name for one in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            if node.module in MODULES:
                yield node.module
            yield from {f"{node.module}.{one.name}" for one in node.names} & POSIX_ONLY
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from {f"{node.value.id}.{node.attr}"} & POSIX_ONLY


def text_files(tree):
    """Lines on which a text file is opened, and the keywords that are given there."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        mode = node.args[0] if node.args else None
        text = isinstance(mode, ast.Constant) and mode.value in ("r", "w", "a", "x")
        if node.func.attr in ("read_text", "write_text") or (node.func.attr == "open" and text):
            writes = node.func.attr == "write_text" or (text and mode.value != "r")
            yield node.lineno, {keyword.arg for keyword in node.keywords}, writes


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_what_only_some_systems_have_is_named_where_it_is_guarded():
    found = {}
    for path in SOURCES:
        if names := set(posix_only(parsed(path))):
            found["/".join(path.parts[path.parts.index("src") + 1 :])] = names

    assert found == GUARDED


def test_text_files_are_the_same_on_every_system():
    """UTF-8, which not every system takes by itself, and written with the line breaks given."""
    faults = [
        f"{path.name}:{line}"
        for path in SOURCES
        for line, keywords, writes in text_files(parsed(path))
        if "encoding" not in keywords or (writes and "newline" not in keywords)
    ]

    assert faults == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import fcntl", {"fcntl"}),
        ("from resource import getrusage", {"resource"}),
        ("import os\nos.fork()", {"os.fork"}),
        ("from os import killpg", {"os.killpg"}),
        ("import signal\nsignal.signal(signal.SIGHUP, None)", {"signal.SIGHUP"}),
        ("import os\nos.replace('a', 'b')", set()),
    ],
)
def test_the_search_finds_them(code, names):
    assert set(posix_only(ast.parse(code))) == names
