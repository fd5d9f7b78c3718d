"""The PASCAL challenge read another way: from the names as the tables spell them, not the files."""

import csv
import wave
from pathlib import Path

CLASSES = {"extrastole": "extrasystole"}


def read_recordings(root: Path) -> dict[str, dict]:
    """By `set_x/name`: class, remark, person, rate, length; of the rows whose file is there."""
    found = {}
    for name in ("set_a", "set_b"):
        with (root / f"{name}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["label"]]
        for row in rows:
            last = row["fname"].removesuffix(".wav").replace("/", "_").split("_")
            number = last[6 if row["sublabel"] else 4 :] if name == "set_b" else last[-1:]
            stem = "_".join([row["label"], row["sublabel"], *number])
            path = root / name / f"{stem}.wav"
            if path.exists():
                with wave.open(str(path)) as sound:
                    rate, length = sound.getframerate(), sound.getnframes()
                person = "b-" + number[0] if name == "set_b" else "a-" + number[0][:8]
                label = CLASSES.get(row["label"], row["label"])
                found[f"{name}/{stem}"] = {"label": label, "remark": row["sublabel"], "rate": rate}
                found[f"{name}/{stem}"] |= {"length": length, "person": person}
    return found
