"""The page of a run in a real browser: drawn in full, quiet, and usable by everybody."""

import functools
import os
import re
import shutil
from pathlib import Path

import pytest

from pahcl_core.data.synthetic_circor import write_synthetic_circor
from support.cli_process import SMALL
from support.forked import run

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SIZES = {"telephone": (360, 780), "screen": (1280, 900)}


def chromium() -> str | None:
    """Where the browser is: `PAHCL_CHROMIUM` names it, if it is not on the path."""
    return os.environ.get("PAHCL_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None,
        reason="no Chromium found: install it, or name the program in PAHCL_CHROMIUM",
    ),
]


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, Path]:
    """Of a pretraining, a fine-tuning and a baseline, as the command line writes them."""
    folder = tmp_path_factory.mktemp("reports")
    write_synthetic_circor(folder / "data", num_patients=24, seed=1, duration_s=(7.0, 8.0))
    small = [part for setting in SMALL for part in ("--set", setting)]
    commands = {
        "pretrain": ["pretrain", "--epochs", "2", *small],
        "circor_murmur_finetune": ["finetune", "circor_murmur", "--epochs", "3", *small],
        "circor_murmur_log_mel_logistic": ["baseline", "log_mel", "circor_murmur"],
    }
    for command in commands.values():
        result = run(folder, *command, "--data-dir", folder / "data", timeout_s=600)
        assert result.returncode == 0, result.stderr
    found = {name: folder / "outputs" / name / "report.html" for name in commands}
    assert all(path.is_file() for path in found.values())
    return found


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, reports):
    """Opens a report; what it said and asked for is in `page.said`."""
    contexts = []

    def open_(name, *, size="screen", scheme="light"):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        said: list[str] = []
        address = reports[name].as_uri()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url == address or request.url.startswith("data:")
                else said.append(f"request: {request.url}")
            ),
        )
        page.goto(address)
        page.said = said
        return page

    yield open_
    for context in contexts:
        context.close()


NAMES = ("pretrain", "circor_murmur_finetune", "circor_murmur_log_mel_logistic")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_it_is_quiet_drawn_in_full_and_no_wider_than_the_screen(opened, name, size):
    page = opened(name, size=size)

    sizes = page.eval_on_selector_all(
        "svg", "all => all.map(e => e.getBoundingClientRect()).map(b => [b.width, b.height])"
    )
    marks = page.eval_on_selector_all(
        "svg[role=img]", "all => all.map(e => e.querySelectorAll('line,rect,polygon').length)"
    )
    outside = page.eval_on_selector_all(
        "svg text", """all => all.filter(e => {
            const own = e.getBoundingClientRect(), all = e.ownerSVGElement.getBoundingClientRect();
            return own.left < all.left - 2 || own.right > all.right + 2;
        }).map(e => e.textContent)""",
    )  # fmt: skip
    assert page.said == []
    assert len(marks) >= (3 if name == "pretrain" else 5)
    assert all(width > 8 and height > 8 for width, height in sizes)
    assert all(count > 2 for count in marks)
    assert outside == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size][0]


def test_letters_in_figures_can_be_read_on_a_telephone(opened):
    page = opened("circor_murmur_finetune", size="telephone")

    heights = page.eval_on_selector_all(
        "svg text", """all => all.map(e => parseFloat(getComputedStyle(e).fontSize)
            * e.ownerSVGElement.getBoundingClientRect().width
            / e.ownerSVGElement.viewBox.baseVal.width)""",
    )  # fmt: skip
    assert min(heights) >= 9


def test_sounds_can_be_played(opened):
    page = opened("circor_murmur_finetune")

    page.wait_for_function(
        "Array.from(document.querySelectorAll('audio')).every(e => e.readyState >= 1)"
    )
    lengths = page.eval_on_selector_all("audio", "all => all.map(e => e.duration)")
    assert lengths
    assert all(5.9 < length < 6.1 for length in lengths)


def test_everything_that_can_be_used_is_reached_by_tab_and_seen_to_be(opened):
    page = opened("circor_murmur_finetune")
    wanted = page.eval_on_selector_all(
        "a[href], summary, audio, .scroll",
        """all => { all.forEach((e, i) => e.dataset.number = i); return all
            .filter(e => !e.closest('details:not([open])') || e.matches('summary'))
            .map(e => e.dataset.number); }""",
    )

    reached, unseen = set(), []
    for _ in range(20 * len(wanted)):  # a player has several places of its own
        page.keyboard.press("Tab")
        number, outline, tag = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return [e.dataset.number ?? "", `${s.outlineStyle} ${s.outlineWidth}`, e.tagName]; }"""
        )
        if not number and reached:
            break
        if number:
            reached.add(number)
            if tag != "AUDIO" and not re.match(r"(solid|auto) [1-9]", outline):
                unseen.append((tag, outline))

    assert set(wanted) <= reached
    assert unseen == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_they_stand_on(opened, scheme):
    page = opened("circor_murmur_finetune", scheme=scheme)

    found = page.evaluate(
        """() => {
        const ground = e => { for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (!c.endsWith(', 0)') && c !== 'transparent') return c; } return 'rgb(0, 0, 0)'; };
        return Array.from(document.querySelectorAll('p, th, td, dt, dd, a, h1, h2, h3, li, summary,'
            + 'caption, svg text, .tiles span')).filter(e => e.textContent.trim()
                && e.getClientRects().length && !e.classList.contains('skip'))
            .map(e => { const s = getComputedStyle(e);
                return [e instanceof SVGElement ? s.fill : s.color, ground(e),
                        e.textContent.trim().slice(0, 30)]; });
        }"""
    )

    weak = {
        (text, round(contrast(ink, paper), 2)) for ink, paper, text in found
        if contrast(ink, paper) < 4.5
    }  # fmt: skip
    assert len(found) > 100
    assert weak == set()
    ink, paper, _ = found[0]
    assert (luminance(paper) < luminance(ink)) == (scheme == "dark")


@functools.cache
def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [float(one) / 255 for one in re.findall(r"[\d.]+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, as WCAG 2.2 defines it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints_dark_on_light(opened, scheme):
    page = opened("circor_murmur_finetune", scheme=scheme)

    content = page.pdf(format="A4")
    page.emulate_media(media="print")
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )

    assert content.startswith(b"%PDF")
    assert len(content) > 20_000
    assert contrast(ink, paper) > 7
    assert luminance(paper) > luminance(ink)
    assert not page.is_visible("audio")


def test_it_is_small(reports):
    assert all(path.stat().st_size < 1_500_000 for path in reports.values())
