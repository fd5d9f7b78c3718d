"""README.zh-CN.md says what README.md says: the same parts, commands, figures and links."""

import re

import pytest

from support.documents import inline_code_of, text_of

ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
PARTS = {
    "headings": r"^(#+) ",
    "code": r"^```.*?^```$",
    "not run": r"<!-- .*? -->",
    "links": r"\]\(([^)]+)\)",
    "pictures": r'<img src="([^"]+)" width="(\d+%)"',
    "list": r"^(- \*\*|\| )",
    "bold": r"(\*\*).+?\*\*",
}


def parts_of(page, pattern):
    return re.findall(pattern, text_of(page), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("part", PARTS)
def test_it_has_the_same(part):
    """In the same order, but that each links to the other."""
    english, chinese = (parts_of(page, PARTS[part]) for page in (ENGLISH, CHINESE))
    if part == "links":
        assert (english.pop(0), chinese.pop(0)) == (CHINESE, ENGLISH)

    assert chinese == english
    assert english


def test_it_names_the_same_commands_and_files():
    assert sorted(inline_code_of(CHINESE)) == sorted(inline_code_of(ENGLISH))


def test_it_is_chinese():
    """Each paragraph, table row and item has been translated."""
    without_code = re.sub(r"^```.*?^```$", "", text_of(CHINESE), flags=re.MULTILINE | re.DOTALL)
    for paragraph in re.split(r"\n\n|\n(?=- |\| )", without_code):
        if len(re.findall(r"[A-Za-z]{4,}", re.sub(r"`[^`]*`|\(.*?\)|<[^>]*>", "", paragraph))) > 5:
            assert re.search(r"[\u4e00-\u9fff]", paragraph), paragraph
