"""Documents stay readable: short sentences, plain words, links that lead somewhere, no page that nobody can find."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs/index.md"
ROOMS = ("statemachine", "models", "events")  # their README.md
DOCUMENTS = sorted({*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / room / "README.md" for room in ROOMS)})
MEAN_WORDS = 20.0  # a sentence's, over all documents; plain English guides ask for 15 to 20
MEAN_WORDS_OF_A_PAGE = 20.0
LONGEST_WORDS = 45
WORDS_OF_A_SENTENCE_IN_A_CELL = 8  # shorter cells are labels
# The project's former dialect: each has a plain word (repair, wrong, otherwise, recorded, all, from ... on).
DIALECT = re.compile(
    r"\b(mends?|mended|mending|amiss|said so|says so in the record|the others'?s|whatever of|nothing of a|"
    r"is no failure of|tells of|the rest is|be it|hence|thereof|whereof|hither|till|lest)\b"
)


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items and long table cells, each on one line; no code, headings or comments."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", text)
    text = re.sub(r"(?s)<!--.*?-->", "", text)
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        item = re.match(r"\s*([-*]|\d+\.)\s+(.*)", line)
        if item or not line.strip() or line.startswith("#") or line.strip().startswith("|"):
            if paragraph:
                yield " ".join(paragraph)
            paragraph = [item[2]] if item else []
            if line.strip().startswith("|"):
                cells = re.split(r"(?<!\\)\|", line.strip())
                yield from (cell for cell in cells if len(cell.split()) >= WORDS_OF_A_SENTENCE_IN_A_CELL)
        else:
            paragraph.append(line.strip())


def sentences(text: str) -> list[str]:
    """Return the sentences of a Markdown text; a code span counts as one word and a link as its label."""
    found = []
    for block in _blocks(text):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", block)
        plain = re.sub(r"`[^`]+`", "Code", plain).replace("**", "")
        found += re.split(r"(?<=[.!?])[\")]?\s+(?=[\"(A-Z0-9])", plain)
    return [sentence for sentence in found if re.search(r"\w", sentence)]


def mean_words(parts: list[str]) -> float:
    """Return the mean number of words of sentences."""
    return sum(len(part.split()) for part in parts) / max(len(parts), 1)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_sentences_are_counted_as_a_reader_would() -> None:
    text = "# Not this\n\nOne two `three four`. Five\nsix.\n\n- seven eight\n\n| a | b |\n```\nno. No.\n```\n"
    assert [len(part.split()) for part in sentences(text)] == [3, 2, 2]


def test_the_mean_sentence_is_short() -> None:
    every = [part for path in DOCUMENTS for part in sentences(path.read_text())]
    assert len(every) > 1000
    assert mean_words(every) < MEAN_WORDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_each_page_is_plain(path: Path) -> None:
    parts = sentences(path.read_text())
    assert mean_words(parts) < MEAN_WORDS_OF_A_PAGE
    assert [part for part in parts if len(part.split()) > LONGEST_WORDS] == []
    assert [part for part in parts if DIALECT.search(part)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_each_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert broken == []


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^ *```.*?^ *```$", "", text))


def _anchors(path: Path) -> set[str]:
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^ *```.*?^ *```$", "", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [INDEX]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.is_file():
            continue
        reached.add(path)
        targets = re.findall(r"\]\(([^)#\s]+)", _without_code(path.read_text()))
        waiting += [(path.parent / target).resolve() for target in targets if not re.match(r"[a-z]+:", target)]
    assert [_name(path) for path in (ROOT / "docs").rglob("*.md") if path not in reached] == []


def test_every_picture_of_the_documents_is_used() -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    pictures = [*(ROOT / "docs/images").rglob("*.jpg"), *(ROOT / "docs/contact-sheets").glob("*.jpg")]
    assert pictures
    assert [_name(path) for path in pictures if path.name not in text] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_parts(path: Path) -> None:
    if path.stem == "index":
        return
    text = path.read_text()
    assert re.search(r"(?m)^\| Status \| (Accepted|Superseded|Proposed)", text)
    assert re.search(r"(?m)^\| Date \| \d{4}-\d\d-\d\d \|$", text)
    assert [*re.findall(r"(?m)^## (.+)$", text)] == ["Context", "Decision", "Consequences"]
    assert f"]({path.name})" in (ROOT / "docs/decisions/index.md").read_text()


def test_every_finding_is_described() -> None:
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    assert [path.name for path in (ROOT / "findings").glob("*.sh") if path.name not in text] == []
