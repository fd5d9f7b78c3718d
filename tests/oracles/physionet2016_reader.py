"""The Challenge 2016 read another way: labels and lengths from the headers, states with SciPy."""

import csv
import re
from pathlib import Path

from scipy.io import loadmat


def read_recordings(root: Path) -> dict[str, dict]:
    """By name: label and quality, person, rate, length, annotation."""
    with (root / "annotations/Online_Appendix_training_set.csv").open(newline="") as file:
        known = {row["Challenge record name"]: row for row in csv.DictReader(file)}
    found = {}
    for path in sorted(root.glob("training-?/*.hea")):
        lines = path.read_text().split("\n")
        name, _, rate, length = lines[0].split()
        rated = (path.parent / "REFERENCE-SQI.csv").read_text()
        row, person = known.get(name), name
        if row and name[0] in "abe":
            column = {"a": "Original record name", "b": "Subject ID", "e": "# Raw record"}[name[0]]
            person = name[0] + "-" + re.match(r"C?\d+", row[column])[0]
        mat = root / f"annotations/hand_corrected/{path.parent.name}_StateAns/{name}_StateAns.mat"
        label = "abnormal" if any(line == "# Abnormal" for line in lines) else "normal"
        quality = "good" if re.search(rf"(?m)^{name},-?1,1$", rated) else "unsure"
        states = read_states(mat) if mat.exists() else None
        found[name] = {"label": label, "quality": quality, "person": person, "rate": int(rate)}
        found[name] |= {"length": int(length), "states": states}
    return found


def read_states(path: Path, name: str = "state_ans") -> list[tuple[int, str]]:
    """First sample, counted from 0, and name of each state."""
    cells = loadmat(path)[name]
    return [(int(start.item()) - 1, str(label.item()).strip("[]'")) for start, label in cells]
