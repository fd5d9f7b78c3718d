"""Ways in which a collection on disk can be damaged, each drawn at random from a seed.

Every function takes a folder and a generator, changes something below the folder, and returns what
it did in words.
"""

import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import wavfile

Damage = Callable[[Path, random.Random], str]

_TABLES = (".csv", ".txt", ".tsv", ".hea")
_ODD_CELLS = ("", "nan", "inf", "-1", "1e308", "0x1F", "None", "是", "a" * 5000, "1;2", '"', "\x00")


def _file(root: Path, rng: random.Random, *suffixes: str) -> Path:
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and (not suffixes or path.suffix in suffixes)
    )
    return rng.choice(files) if files else root


def cut_short(root: Path, rng: random.Random) -> str:
    """Lose the end of a file, as an interrupted copy does."""
    path = _file(root, rng)
    content = path.read_bytes()
    keep = rng.choice([0, 1, rng.randrange(64), rng.randrange(len(content) + 1)])
    path.write_bytes(content[:keep])
    return f"{path.name} cut to {keep} bytes"


def flip_bytes(root: Path, rng: random.Random) -> str:
    """Change some bytes anywhere, or in the header."""
    path = _file(root, rng)
    content = bytearray(path.read_bytes())
    if not content:
        return "nothing"
    reach = rng.choice([min(64, len(content)), len(content)])
    for _ in range(rng.choice([1, 3, 20])):
        content[rng.randrange(reach)] = rng.randrange(256)
    path.write_bytes(content)
    return f"{path.name}: bytes changed"


def move_bytes(root: Path, rng: random.Random) -> str:
    """Lose or repeat a stretch, or turn it to zeros."""
    path = _file(root, rng)
    content = path.read_bytes()
    start = rng.randrange(len(content) + 1)
    stop = min(len(content), start + rng.choice([1, 7, 512, 4096]))
    middle = {"lost": b"", "twice": content[start:stop] * 2, "zeros": bytes(stop - start)}
    kind = rng.choice(list(middle))
    path.write_bytes(content[:start] + middle[kind] + content[stop:])
    return f"{path.name}: {stop - start} bytes {kind}"


def wrong_header(root: Path, rng: random.Random) -> str:
    """A field of a WAV header that says something else."""
    path = _file(root, rng, ".wav")
    if path.suffix != ".wav":
        return "nothing"
    content = bytearray(path.read_bytes())
    name, place, code = rng.choice(
        [("riff size", 4, "<I"), ("format size", 16, "<I"), ("format", 20, "<H"),
         ("channels", 22, "<H"), ("rate", 24, "<I"), ("frame", 32, "<H"), ("bits", 34, "<H"),
         ("data size", 40, "<I")]
    )  # fmt: skip
    largest = 256 ** struct.calcsize(code) - 1
    value = rng.choice([0, 1, 2, 3, 7, 8, 24, 32, 64, 65534 % (largest + 1), largest // 2, largest])
    if len(content) >= place + 4:
        struct.pack_into(code, content, place, value)
    path.write_bytes(content)
    return f"{path.name}: {name} {value}"


def other_sound(root: Path, rng: random.Random) -> str:
    """A sound that is none: silence, a constant, clipping, one sample, NaN, an hour."""
    path = _file(root, rng, ".wav")
    if path.suffix != ".wav":
        return "nothing"
    rate = rng.choice([1, 100, 799, 800, 2000, 4000, 8000, 44100])
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "silence": lambda: np.zeros(5 * rate, dtype=np.int16),
        "constant": lambda: np.full(5 * rate, -1234, dtype=np.int16),
        "clipped": lambda: np.where(np.arange(5 * rate) % 97 < 50, 32767, -32768).astype(np.int16),
        "one sample": lambda: np.ones(1, dtype=np.int16),
        "two samples": lambda: np.arange(2, dtype=np.int16),
        "no sample": lambda: np.ones(0, dtype=np.int16),
        "NaN": lambda: np.full(3 * rate, np.nan, dtype=np.float32),
        "one NaN": lambda: np.where(np.arange(3 * rate) == 5, np.nan, 0.1).astype(np.float32),
        "infinite": lambda: np.where(np.arange(3 * rate) == 5, np.inf, 0.1).astype(np.float64),
        "huge": lambda: np.full(3 * rate, 1e300) * np.sin(np.arange(3 * rate)),
        "tiny": lambda: (1e-38 * np.sin(np.arange(3 * rate))).astype(np.float32),
        "bytes": lambda: (128 + 50 * np.sin(np.arange(3 * rate))).astype(np.uint8),
        "stereo": lambda: np.random.default_rng(0).integers(-9, 9, (3 * rate, 2), dtype=np.int16),
        "five channels": lambda: np.ones((3 * rate, 5), dtype=np.int32),
        "impulse": lambda: (20000 * (np.arange(3 * rate) == rate)).astype(np.int16),
    }
    if rng.random() < 0.002:
        kinds = {"an hour": lambda: np.tile(np.arange(-500, 500, dtype=np.int16), 4 * 3600)}
        rate = 4000
    kind = rng.choice(list(kinds))
    wavfile.write(path, rate, kinds[kind]())
    return f"{path.name}: {kind} at {rate} Hz"


def other_text(root: Path, rng: random.Random) -> str:
    """Another encoding, other line ends, another separator."""
    path = _file(root, rng, *_TABLES)
    text = path.read_bytes().decode("latin-1") if path.is_file() else ""
    kinds: dict[str, Callable[[], bytes]] = {
        "UTF-16": lambda: text.encode("utf-16"),
        "BOM": lambda: b"\xef\xbb\xbf" + text.encode(),
        "Latin-1": lambda: (text + "caf\xe9\n").encode("latin-1"),
        "GBK": lambda: ("中文," + text).encode("gbk", errors="replace"),
        "CRLF": lambda: text.replace("\n", "\r\n").encode(),
        "CR": lambda: text.replace("\n", "\r").encode(),
        "semicolons": lambda: text.replace(",", ";").encode(),
        "spaces for tabs": lambda: text.replace("\t", "  ").encode(),
        "quotes": lambda: text.replace(",", '","').encode(),
        "one line": lambda: text.replace("\n", " ").encode(),
        "a quote": lambda: ('"' + text).encode(),
        "twice": lambda: (text + text).encode(),
        "blank lines": lambda: text.replace("\n", "\n\n").encode(),
    }
    kind = rng.choice(list(kinds))
    if path.is_file():
        path.write_bytes(kinds[kind]())
    return f"{path.name}: {kind}"


def other_columns(root: Path, rng: random.Random) -> str:
    """A column lost, repeated or moved, or its name another."""
    path = _file(root, rng, ".csv", ".tsv")
    if not path.is_file():
        return "nothing"
    separator = "\t" if path.suffix == ".tsv" else ","
    rows = [line.split(separator) for line in path.read_bytes().decode("latin-1").splitlines()]
    width = max((len(row) for row in rows), default=0)
    if width == 0:
        return "nothing"
    one, other = rng.randrange(width), rng.randrange(width)
    kind = rng.choice(["lost", "repeated", "swapped", "renamed"])
    for number, row in enumerate(rows):
        if max(one, other) >= len(row):
            continue
        if kind == "lost":
            del row[one]
        elif kind == "repeated":
            row.insert(other, row[one])
        elif kind == "swapped":
            row[one], row[other] = row[other], row[one]
        elif number == 0:
            row[one] = row[one].upper()
    path.write_bytes("\n".join(separator.join(row) for row in rows).encode())
    return f"{path.name}: column {one} {kind}"


def other_cell(root: Path, rng: random.Random) -> str:
    """One value in a table or header that is not what stood there."""
    path = _file(root, rng, *_TABLES)
    if not path.is_file():
        return "nothing"
    lines = path.read_bytes().decode("latin-1").split("\n")
    row = rng.randrange(len(lines))
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix, " ")
    cells = lines[row].split(separator)
    column = rng.randrange(len(cells))
    cells[column] = rng.choice(_ODD_CELLS)
    lines[row] = separator.join(cells)
    path.write_bytes("\n".join(lines).encode())
    return f"{path.name}, row {row + 1}: {cells[column][:10]!r}"


def rows_gone(root: Path, rng: random.Random) -> str:
    """A line lost, or there twice, or in another place."""
    path = _file(root, rng, *_TABLES)
    if not path.is_file():
        return "nothing"
    lines = path.read_bytes().split(b"\n")
    row = rng.randrange(len(lines))
    kind = rng.choice(["lost", "twice", "moved"])
    line = lines.pop(row)
    if kind == "twice":
        lines[row:row] = [line, line]
    elif kind == "moved":
        lines.insert(rng.randrange(len(lines) + 1), line)
    path.write_bytes(b"\n".join(lines))
    return f"{path.name}, row {row + 1} {kind}"


def file_gone(root: Path, rng: random.Random) -> str:
    """A file missing, or something else in its place."""
    path = _file(root, rng)
    kind = rng.choice(["missing", "a folder", "a loop", "a dead link", "a copy"])
    if kind == "a copy":
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
        return f"{path.name} twice"
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind == "a loop":
        path.symlink_to(path.name)
    elif kind == "a dead link":
        path.symlink_to("nowhere")
    return f"{path.name}: {kind}"


def odd_place(root: Path, rng: random.Random) -> str:
    """A folder that contains itself, or files that nobody asked for."""
    folder = rng.choice(
        sorted(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())
        or [root]
    )
    kind = rng.choice(["loop", "stray", "hidden", "wrapped"])
    if kind == "loop":
        (folder / "again").symlink_to(folder, target_is_directory=True)
    elif kind == "stray":
        (folder / "心音 记录.wav").write_bytes(b"RIFF")
    elif kind == "hidden":
        (folder / "._a.wav").write_bytes(bytes(range(64)))
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    else:
        inner = folder / "1.0.0"
        inner.mkdir()
        for one in list(folder.iterdir()):
            if one != inner and not one.is_symlink():
                one.rename(inner / one.name)
    return f"{folder.name}: {kind}"


DAMAGES: tuple[Damage, ...] = (
    cut_short, flip_bytes, move_bytes, wrong_header, other_sound, other_text, other_columns,
    other_cell, rows_gone, file_gone, odd_place,
)  # fmt: skip
