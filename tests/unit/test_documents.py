"""What the documents link to and name exists."""

import ast
import re
from functools import reduce
from pathlib import Path

import pytest

import triortc

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
}
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


def anchors(document: str) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    broken = []
    for target in map("".join, LINK.findall(DOCUMENTS[name])):
        path, _, anchor = target.partition("#")
        if path.startswith(("http://", "https://")):
            continue
        if not path and anchor.startswith("triortc."):  # an entry of the reference
            reduce(getattr, anchor.split(".")[1:], triortc)
            continue
        found = (ROOT / name).parent / path if path else ROOT / name
        if not found.exists() or (anchor and anchor not in anchors(found.read_text())):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_and_public_name_in_a_document_exists(name: str) -> None:
    document = DOCUMENTS[name]
    named = set(re.findall(r"\btriortc\.([A-Za-z]\w*)", document))
    packages = {path.stem for path in ROOT.glob("triortc/*")}
    assert sorted(named - set(triortc.__all__) - packages) == []
    paths = re.findall(
        r"`((?:benchmarks|cli|docs|examples|media|net|peer|protocol|scripts|signaling|tests|triortc|web)/[\w./]+)`",
        document,
    )
    assert [
        path for path in paths if not any((base / path).exists() for base in (ROOT, ROOT / "triortc"))
    ] == []


def test_every_public_name_stands_in_the_reference_once() -> None:
    reference = "".join(text for name, text in DOCUMENTS.items() if name.startswith("docs/reference/"))
    entries = re.findall(r"^\.\. auto\w+:: (\w+)$", reference, re.MULTILINE)
    assert sorted([*entries, "__version__"]) == sorted(triortc.__all__)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_program_in_a_document_is_python(name: str) -> None:
    for program in re.findall(r"```python\n(.*?)```", DOCUMENTS[name], re.DOTALL):
        ast.parse(program)
