"""Of commands, options, settings and files the documents name none that there is not."""

import re
import subprocess

import pytest

from support.documents import PAGES, REPOSITORY, blocks_of, inline_code_of, run_elsewhere, text_of
from support.options_told import complaint, every_option, every_setting, pahcl_lines

OF_OTHER_PROGRAMS = {"--nproc-per-node", "--dist", "--array"}


@pytest.mark.parametrize("page", PAGES)
def test_its_words_are_those_of_the_program(page):
    """Commands and options in blocks that are not run, and in the text."""
    blocks = [block.text for block in blocks_of(page) if block.language == "sh"]
    inline = [code for code in inline_code_of(page) if code.startswith("pahcl ")]
    told = [line for text in [*blocks, *inline] for line in pahcl_lines(text)]
    complaints = [complaint(line) for line in told]
    options = [code.split()[0] for code in inline_code_of(page) if code.startswith("--")]
    unknown = {option.partition("=")[0] for option in options} - every_option()

    assert [one for one in complaints if one is not None] == []
    assert unknown <= OF_OTHER_PROGRAMS


@pytest.mark.parametrize("page", PAGES)
def test_its_settings_are_settings(page):
    """What has a dot and begins with a section of a run file, alone or after `--set`."""
    shell = [block.text for block in blocks_of(page) if block.language == "sh"]
    told = [*inline_code_of(page), *re.findall(r"--set (\S+)", "\n".join(shell))]
    named = {code.removeprefix("--set ").partition("=")[0] for code in told}
    sections = {setting.partition(".")[0] for setting in every_setting()}
    settings = {name for name in named if re.fullmatch(r"[a-z_]+\.[a-z_]+", name)}
    ours = {name for name in settings if name.partition(".")[0] in sections}

    assert ours - every_setting() <= {"encoder.size", "training.py", "split.json"}


@pytest.mark.parametrize("page", PAGES)
def test_its_shell_is_shell(page):
    for block in blocks_of(page):
        if block.language == "sh":
            done = subprocess.run(
                ["bash", "-n", "-c", block.text], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if run_elsewhere(page)])
def test_a_page_that_is_run_elsewhere_is_run_there(page):
    test = (REPOSITORY / run_elsewhere(page)).read_text(encoding="utf-8")

    assert f'blocks_of("{page}")' in test


def test_little_is_left_out():
    """A reason stands beside whatever is not run."""
    reasons = [block.not_run for page in PAGES for block in blocks_of(page) if block.not_run]
    everything = [block for page in PAGES for block in blocks_of(page)]

    assert all(len(reason) > 10 for reason in reasons)
    assert len(reasons) < len(everything) / 4, reasons


@pytest.mark.parametrize("page", PAGES)
def test_what_it_links_to_is_there(page):
    """Files; the build of the documentation looks after headings."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(page))
    files = [link for link in links if "://" not in link]

    assert [link for link in files if not (REPOSITORY / page).parent.joinpath(link).exists()] == []
