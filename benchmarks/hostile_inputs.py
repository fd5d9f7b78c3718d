"""Files that mean harm: each is refused in one line, and nothing that is in them happens.

    python benchmarks/hostile_inputs.py [--json]

- A model or the state of a run that holds code to be run when it is unpickled, given to every
  command that reads one.
- A table whose paths lead out of its folder: by `..`, from the root, or through a link.
- A recording whose header claims 4 GiB, or a billion channels; nothing near that is allocated.
"""

import argparse
import os
import pickle
import resource
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from _checks import Check, format_table, report
from _forked import Ended, import_all, lines_of, pahcl, scratch_folder

from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.data.synthetic_folder import write_synthetic_folder

_ROOM_BYTES = 1 << 30
"""Beyond what the process had before, what a command may allocate at most."""


class Malicious:
    """Unpickled by a careless reader, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        """Take the folder to make."""
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._mark),)


def main() -> int:
    """Try everything, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    options = parser.parse_args()
    import_all()
    faults: list[tuple[str, str]] = []
    counts = {"models with code": 0, "paths out of a folder": 0, "hostile headers": 0}
    with scratch_folder() as folder:
        data = folder / "circor"
        write_synthetic_circor(data, num_patients=4, seed=1, duration_s=(3.0, 3.5))
        mark = folder / "was run"
        trials = {
            "models with code": _models(folder, data, mark),
            "paths out of a folder": _tables(folder),
            "hostile headers": _recordings(folder),
        }
        for kind, commands in trials.items():
            for what, arguments, words in commands:
                counts[kind] += 1
                ended = pahcl(arguments, folder, before=_little_memory)
                if fault := _fault(ended, words):
                    faults.append((what, fault))
        executed = int(mark.exists())
    checks = [Check(name=f"tried: {kind}", value=count, least=1) for kind, count in counts.items()]
    checks += [
        Check(name="not refused in one line that names the file", value=len(faults), most=0),
        Check(name="code that was run", value=executed, most=0),
    ]
    rows = [[kind, str(count)] for kind, count in counts.items()]
    table = "\n".join([format_table(["kind", "tried"], rows), *lines_of(faults)])
    return report(checks, as_json=options.json, table=table, details={"faults": faults})


Trial = tuple[str, Sequence[str | Path], Sequence[str]]
"""What it is, the command, and words that its line has to have."""


def _models(folder: Path, data: Path, mark: Path) -> Iterator[Trial]:
    wav = min(data.rglob("*.wav"))
    for name, zipped in (("zip.pt", True), ("plain.pt", False)):
        content = {"format": 2, "kind": Malicious(mark)}
        torch.save(content, folder / name, _use_new_zipfile_serialization=zipped)
    (folder / "pickle.safetensors").write_bytes(pickle.dumps(Malicious(mark)))
    for name in ("zip.pt", "plain.pt", "pickle.safetensors"):
        finetune = ["finetune", "circor_murmur", "--data-dir", data, "--pretrained", name]
        given: dict[str, list[str | Path]] = {
            "predict": ["predict", name, wav],
            "export": ["export", name, "--to", "out.safetensors"],
            "embed": ["embed", name, "--data-dir", data, "--out", "out.npz"],
            "probe": ["probe", name, "circor_murmur", "--data-dir", data],
            "finetune": finetune,
        }
        for command, arguments in given.items():
            yield f"{command} {name}", arguments, (name,)
    run = folder / "outputs/run"
    run.mkdir(parents=True)
    (run / "config.toml").write_text(f'data_dir = "{data}"\ntask = "circor_murmur"\n')
    (folder / "zip.pt").replace(run / "resume.pt")
    yield "finetune --resume", ["finetune", "--resume", run], ("resume.pt",)


def _tables(folder: Path) -> Iterator[Trial]:
    outside = folder / "outside"
    write_synthetic_folder(outside, num_subjects=6, seed=1)
    secret = min(outside.rglob("*.wav"))
    for number, how in enumerate(("..", "root", "link")):
        root = folder / f"folder{number}"
        root.mkdir()
        (root / "link.wav").symlink_to(secret)
        named = {"..": f"../outside/{secret.relative_to(outside)}", "root": secret,
                 "link": "link.wav"}[how]  # fmt: skip
        (root / "table.csv").write_text(f"path,subject\n{named},1\n")
        for command in ("check", "prepare"):
            arguments = ["data", command, root, "--collection", "folder"]
            yield f"data {command}, {how}", arguments, ("table.csv", "leads out of")


def _recordings(folder: Path) -> Iterator[Trial]:
    sound = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, 4000,
                        8000, 2, 16)  # fmt: skip
    many = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 44, b"WAVE", b"fmt ", 16, 1, 65535, 4000,
                       8000, 65535 & ~1, 16)  # fmt: skip
    chunks = {
        "data of 4 GiB": sound + struct.pack("<4sI", b"data", 0xFFFFFFFF) + bytes(4000),
        "format of 4 GiB": sound[:16] + struct.pack("<I", 0xFFFFFFFF) + sound[20:] + bytes(4000),
        "65535 channels": many + struct.pack("<4sI", b"data", 4000) + bytes(4000),
    }
    for number, (what, content) in enumerate(chunks.items()):
        root = folder / f"recordings{number}"
        root.mkdir()
        (root / "a.wav").write_bytes(content)
        (root / "table.csv").write_text("path,subject\na.wav,1\n")
        yield f"segment, {what}", ["segment", root / "a.wav"], ("a.wav",)
        yield f"predict, {what}", ["predict", "circor_murmur", root / "a.wav"], ("a.wav",)
        check = ["data", "check", root, "--collection", "folder"]
        yield f"data check, {what}", check, (str(root),)


def _fault(ended: Ended, words: Sequence[str]) -> str:
    """What is wrong with how a command ended; empty if nothing is."""
    lines = [line for line in ended.said.splitlines() if all(word in line for word in words)]
    if ended.code in (1, 2, 3) and len(lines) == 1 and "Traceback" not in ended.said:
        return ""
    return f"{ended.code}: {ended.said[-600:]}"


def _little_memory() -> None:
    """Let the process have little more memory than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + _ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    sys.exit(main())
