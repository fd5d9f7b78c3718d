"""Draw what a report looks like: run the README's first lines, and photograph parts of the page.

    python scripts/report_figure.py docs/figures/report.png [REPORT]

REPORT is a page that is there already. Needs the development tools and a Chromium: on the path, or
named by `PAHCL_CHROMIUM`. The summary, the curves and the recordings are kept.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH = 1180
MOST_BYTES = 200_000
_LINES = (
    "data synth circor data --patients 60",
    "pretrain --data-dir data --epochs 3",
    "finetune circor_murmur --data-dir data --epochs 6 --pretrained outputs/pretrain",
)
_LEFT_OUT = (
    "#warnings, #data, #learning, #scores, #confusion, #calibration, #subgroups, #wrong, "
    "#settings, #provenance"
)
_STYLE = f"{_LEFT_OUT}, nav, footer, audio, article details {{ display: none !important }}"
_QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip


def made_report(folder: Path) -> Path:
    """Train in a folder; the page that comes out."""
    program = Path(sys.executable).with_name("pahcl")
    for command in _LINES:
        subprocess.run([program, *command.split()], cwd=folder, check=True)
    return folder / "outputs/circor_murmur_finetune/report.html"


def photograph(page_file: Path, picture: Path) -> None:
    """Write what the page looks like, in few enough bytes for a README."""
    program = os.environ.get("PAHCL_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_QUIET)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.add_style_tag(content=_STYLE)
        page.screenshot(path=picture, full_page=True)
        browser.close()
    with Image.open(picture) as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(picture, optimize=True)
    size = picture.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{picture}: {size} bytes are more than {MOST_BYTES}")


def main() -> None:
    """Draw the figure."""
    picture, *given = (Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        page = given[0] if given else made_report(Path(scratch))
        photograph(page, picture)


if __name__ == "__main__":
    main()
