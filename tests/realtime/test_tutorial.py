"""Every program of the tutorial runs as it stands there, in a process of its own."""

import re
from pathlib import Path

import pytest
from support.examples import ROOT, assert_shows, interrupt, read_url, running

pytestmark = pytest.mark.realtime

SAYS = {
    "two-peers": ["Saw 640x360 in video from <Peer connected"],
    "frames": ["brightness ", "loudness 0."],
    "record": ["call.webm lasts "],
    "own-source": ["The sun rises in ", "Five pictures, the last one of ", "The fog has lifted."],
}


def programs_of(page: str) -> list[str]:
    """Return the whole programs of a page; what does not call ``trio.run`` is a part of one."""
    text = (ROOT / "docs/tutorial" / f"{page}.md").read_text()
    return [code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "trio.run(" in code]


def test_the_pages_that_are_tried_are_all_there_are() -> None:
    pages = {path.stem for path in Path(ROOT / "docs/tutorial").glob("*.md")}
    assert pages == {"index", "broadcast", *SAYS}


def test_the_broadcast_shows_its_page() -> None:
    (program,) = programs_of("broadcast")
    with running(program) as process:
        assert_shows(read_url(process))
        interrupt(process)


@pytest.mark.parametrize("page", SAYS)
def test_every_program_runs_to_its_end_and_says_so(page: str) -> None:
    said = []
    for program in programs_of(page):
        with running(program) as process:
            output, complained = process.communicate(timeout=30)
        assert complained == ""
        assert process.returncode == 0
        said.append(output)
    for words in SAYS[page]:
        assert words in "".join(said)
