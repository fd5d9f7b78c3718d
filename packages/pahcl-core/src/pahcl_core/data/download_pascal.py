"""PASCAL's archives: whether they are whole, and their recordings in the layout that is read.

The archives have a folder for each class, and names without it; the copies in circulation, which
`pascal` reads, have the class in the name (`set_a/normal__201101070538.wav`). How the folders
inside are called is known from public scripts that unpack them, so only what is needed is taken
from them: whether one of them is `noisynormal` or `noisymurmur`.
"""

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from pahcl_core.data.audio import usable_header
from pahcl_core.data.collection import Problem
from pahcl_core.data.download_collections import Archive
from pahcl_core.data.pascal_names import parse_name
from pahcl_core.errors import DataError

_REMARKS = ("noisynormal", "noisymurmur")
_LARGEST_BYTES = 500_000_000  # ten times what the largest of them holds


def broken_archive(path: Path) -> str:
    """What is wrong with an archive, or nothing where everything in it has its CRC-32."""
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
            if claimed > _LARGEST_BYTES:
                return f"it claims to hold {claimed:,} bytes, far more than was published"
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return f"it is not a zip archive that can be read ({error})"
    return f"{damaged} in it does not have its CRC-32" if damaged else ""


def unpack(path: Path, archive: Archive, root: Path) -> tuple[Problem, ...]:
    """Put the recordings of an archive where `read_pascal` looks for them.

    A recording that is there already, byte for byte, is left alone.

    Args:
        path: A whole archive.
        archive: Which it is.
        root: The collection's root.

    Returns:
        What is not as published: names that make no sense, recordings that cannot be read or
        come twice, and another number of them.

    Raises:
        DataError: If the disk refuses.
    """
    problems: list[Problem] = []
    written: set[str] = set()
    try:
        with zipfile.ZipFile(path) as zipped:
            for member in zipped.infolist():
                inside = PurePosixPath(member.filename)
                if not _is_recording(inside):
                    continue
                try:
                    file = f"{archive.folder}/{_name(inside, archive)}.wav"
                except ValueError as fault:
                    reason = f"{member.filename!r} {fault}; it was not unpacked"
                    problems.append(Problem(file=archive.name, reason=reason))
                    continue
                if file in written:
                    problems.append(Problem(file=file, reason=f"is twice in {archive.name}"))
                    continue
                written.add(file)
                _extract(zipped, member, root / file)
                header = usable_header(root / file, file=file)
                if isinstance(header, Problem):
                    problems.append(header)
    except OSError as error:
        raise DataError(f"{root}: cannot be written: {error.strerror or error}") from error
    if len(written) != archive.num_recordings:
        reason = f"holds {len(written)} recordings, not {archive.num_recordings} as published"
        problems.append(Problem(file=archive.name, reason=reason))
    return tuple(problems)


def _is_recording(inside: PurePosixPath) -> bool:
    """Whether it is no folder, no text, and none of the `._` files that a Macintosh adds."""
    return inside.suffix.lower() == ".wav" and not inside.name.startswith(".")


def _name(inside: PurePosixPath, archive: Archive) -> str:
    """Its name on disk, without the suffix; a name that has its class already is kept."""
    stem = inside.stem
    if not stem[:1].isalpha():
        folders = "/".join(inside.parts[:-1]).lower()
        remark = next((one for one in _REMARKS if one in folders), "")
        stem = f"{archive.label}_{remark}_{stem}"
    parse_name(archive.folder, stem)
    return stem


def _extract(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    content = zipped.read(member)  # a few megabytes at most; its CRC-32 is compared here
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
