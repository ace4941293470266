"""Pages, settings, help and messages have short sentences and the field's words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("invoiced_api", "target_invoiced"),
    "invoiced_emulator",
)
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
]
MAX_WORDS = 30

# Private metaphors and idioms, each with what to write in its place.
BANNED = {
    r"\bthe books\b": "ledger, account; delete or void",
    r"\bcrew\b": "workers",
    r"\btold\b|\btells?\b|\btelling\b": "show, print, report, record, state",
    r"\bdoors?\b|\brooms?\b|\bdesks?\b": "name the class or folder",
    r"\bmend(s|ed|ing)?\b": "correct",
    r"\bput down\b": "record",
    r"\b(came|comes|becomes?|became) of\b": "outcome",
    r"\bstands? for\b|\bas it stands\b|\bmay stand\b": "identifies, unchanged",
    r"\bunder way\b": "in flight, in progress",
    r"\bat work\b": "in progress, running",
    r"\banew\b|\bonce more\b": "again",
    r"\bmakes? nothing of\b|\bgave it up\b": "discards, timed out",
    r"\bspeaks? of\b": "describes",
    r"\bflattering\b|\bby a hair\b": "limitations",
    r"\bis to have\b|\bwherefrom\b": "rephrase",
    r"\bgo(es)? on with\b|\bgoes out\b|\bgo out\b": "continue, is sent",
    r"\bwithin reach\b|\bat hand\b": "reachable, available",
    r"\b(its|their) fate\b|\bstrange\b": "outcome, unusual",
    r"\b(quick|exact) way\b": "fast path, slow path",
    r"\bnot waited for\b|\bthere it ends\b": "rephrase",
}


def sentences_of_page(text: str) -> Iterator[str]:
    """Sentences of Markdown. A heading, an item of a list and a cell of a table end one."""
    text = re.sub(r"^ *```.*?^ *```$|<!--.*?-->", "", text, flags=re.S | re.M)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.) ?)", text):
        for cell in block.split("|") if block.startswith("|") else [block]:
            yield from sentences(cell)


def sentences(text: str) -> list[str]:
    """Sentences of a text without code: what backticks enclose counts as one word."""
    plain = re.sub(r"``.*?``|`[^`]*`", "CODE", " ".join(text.split())).replace("**", "")
    return [one for one in re.split(r"(?<=[.!?])\s+", plain) if one]


def strings(module: Path) -> Iterator[str]:
    """The strings that a module holds, docstrings left out; of an f-string, its text."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        elif id(node) not in skipped and isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            parts = (
                part.value if isinstance(part, ast.Constant) else "CODE" for part in node.values
            )
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in skipped and " " in str(node.value):
            yield str(node.value)


def faults(sentence: str) -> list[str]:
    """What is wrong with a sentence, each with the remedy."""
    found = [
        f"{sentence!r}: write {use}"
        for banned, use in BANNED.items()
        if re.search(banned, sentence, re.I)
    ]
    words = len([one for one in sentence.split() if re.search(r"\w", one)])
    if words > MAX_WORDS:
        found.append(f"{sentence!r}: {words} words, at most {MAX_WORDS}")
    return found


@pytest.mark.parametrize(
    "page", [pytest.param(one, id=str(one.relative_to(ROOT))) for one in PAGES]
)
def test_a_page_has_short_sentences_and_the_words_of_the_field(page: Path) -> None:
    found = map(faults, sentences_of_page(page.read_text(encoding="utf-8")))
    assert [one for some in found for one in some] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_have_short_sentences_and_the_words_of_the_field(package: str) -> None:
    """Help, settings, logs, errors: any string is one that a user may read."""
    found = [
        f"{module.relative_to(ROOT)}: {fault}"
        for module in sorted((ROOT / package).rglob("*.py"))
        for text in strings(module)
        for one in sentences(text)
        for fault in faults(one)
    ]
    assert found == []


def test_a_fault_is_found_in_a_list_a_table_and_an_f_string(tmp_path: Path) -> None:
    page = "# Run\n\nShort.\n- This is\n  told.\n\n| a | stands for b |\n\n```\nprint(told)\n```\n"
    module = tmp_path / "module.py"
    module.write_text('"""The crew."""\n\nlog(f"{n} are under way", "' + "word " * 31 + '")\n')
    assert len([one for text in sentences_of_page(page) for one in faults(text)]) == 2
    assert len([one for text in strings(module) for one in faults(text)]) == 2
