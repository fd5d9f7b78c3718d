"""Draw the README's pictures of sound: what a segmentation finds, and a map of embeddings.

    python scripts/sound_figures.py docs/figures

The patients are synthetic, the encoder is the one that comes with the package. Needs `matplotlib`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import wavfile

from pahcl_core.training.shipped import shipped_file

PATIENTS = 100
SEED = 3
SHOWN_S = 6  # of a recording with a murmur
NUM_COLOURS = 64


def pahcl(folder: Path, *arguments: str | Path) -> None:
    """Run a command in a folder."""
    program = [sys.executable, "-m", "pahcl_cli", *map(str, arguments)]
    subprocess.run(program, cwd=folder, check=True)


def keep(picture: Path, target: Path) -> None:
    """The same picture in as many colours as it takes, which is a third of the bytes."""
    Image.open(picture).convert("RGB").quantize(NUM_COLOURS).save(target, optimize=True)


def main(target: Path) -> None:
    """Make patients, draw both, and keep the pictures."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pahcl(folder, "data", "synth", "circor", "hearts", "--patients", str(PATIENTS),
              "--seed", str(SEED))  # fmt: skip
        pahcl(folder, "embed", shipped_file("tiny"), "--data-dir", "hearts", "--out", "e.npz",
              "--map", "map.png", "--label", "murmur", "--projection", "tsne",
              "--device", "cpu")  # fmt: skip
        embedded = np.load(folder / "e.npz")
        with_murmur = embedded["subject_id"][embedded["label_murmur"] == "Present"]
        recording = sorted((folder / "hearts").rglob(f"{with_murmur[0]}_*.wav"))[0]
        rate, samples = wavfile.read(recording)
        wavfile.write(folder / "segmentation.wav", rate, samples[: SHOWN_S * rate])
        pahcl(folder, "segment", "segmentation.wav", "--plot")
        keep(folder / "map.png", target / "embedding-map.png")
        keep(folder / "segmentation.png", target / "segmentation.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
