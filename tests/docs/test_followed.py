"""Every command and every block of code in the documents is done here, or says why not.

A page is worked through from top to bottom in a folder that has synthetic collections in `data/`.
Blocks of Python share their names, as in a notebook. A block of text that follows says what the
block before it prints; `…` stands for anything.
"""

import contextlib
import io
import re
import tomllib

import pytest

from support.documents import PAGES, blocks_of, run_elsewhere, text_of
from support.small_commands import small_settings
from support.typed import quick_pahcl, typed

pytestmark = pytest.mark.slow

HERE = [page for page in PAGES if run_elsewhere(page) is None]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    with quick_pahcl(tmp_path_factory.mktemp("programs")) as folder:
        yield folder


@pytest.fixture(scope="module")
def shared(programs, tmp_path_factory):
    """Where collections are made when a page needs them, and the store that all pages have."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "prepared").mkdir()
    return folder


def work_place(page, shared, tmp_path, programs):
    """Where a page is worked through."""
    (tmp_path / "data").mkdir()
    for name in ("circor", "physionet2016", "pascal"):
        collection = shared / "data" / name
        if f"data/{name}" in text_of(page) or name == "circor":
            if not collection.exists():
                typed(shared, f"pahcl data synth {name} data/{name}", programs=programs)
            (tmp_path / "data" / name).symlink_to(collection)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").touch()
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/.prepared").symlink_to(shared / "prepared")
    recording = next((shared / "data/circor").rglob("*_MV.wav"))
    (tmp_path / "recording.wav").write_bytes(recording.read_bytes())
    return tmp_path


def says(page, block, printed):
    """The document's text, where it has one, is what was printed."""
    if block.output is not None:
        pattern = re.escape(block.output.strip()).replace("…", ".*")
        assert re.fullmatch(pattern, printed.strip(), re.DOTALL), (
            f"{page} says otherwise: {printed}"
        )


@pytest.mark.parametrize("page", HERE)
def test_a_page_can_be_followed(page, shared, programs, tmp_path, monkeypatch):
    folder = work_place(page, shared, tmp_path, programs)
    monkeypatch.chdir(folder)
    names = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.not_run is not None:
            continue
        if block.file is not None:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            says(page, block, typed(folder, block.text, programs=programs))
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as printed, small_settings():
                exec(compile(block.text, page, "exec"), names)
            says(page, block, printed.getvalue())
        elif block.language == "toml":
            assert tomllib.loads(block.text)
        else:
            assert block.language == "", f"{page}: nobody runs {block.language}"
