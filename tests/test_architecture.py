"""The rules of the house that no linter knows: sizes, shields, tasks, threads, channels, public names."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import triortc

ROOT = Path(__file__).parents[1]
LIBRARY = {
    path.relative_to(ROOT): ast.parse(path.read_text()) for path in sorted(ROOT.glob("triortc/**/*.py"))
}
SHIELDED = Path("triortc/media")
SANS_IO = Path("triortc/protocol")

FunctionTypes = (ast.FunctionDef, ast.AsyncFunctionDef)


def found(*types: type[ast.AST], under: Path = Path("triortc")) -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of one of *types* with the place where it stands."""
    for path, tree in LIBRARY.items():
        for node in ast.walk(tree):
            if path.is_relative_to(under) and isinstance(node, types):
                yield f"{path}:{getattr(node, 'lineno', 1)}", node


def names() -> Iterator[tuple[str, str]]:
    """Yield every name, attribute and imported name of the library with its place."""
    for place, node in found(ast.Name, ast.Attribute, ast.alias):
        yield place, getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", "")


@pytest.mark.parametrize(
    ("types", "limit"),
    [((ast.Module,), 600), ((ast.ClassDef,), 400), (FunctionTypes, 60)],
    ids=["file", "class", "function"],
)
def test_nothing_grows_too_long(types: tuple[type[ast.AST], ...], limit: int) -> None:
    def lines(node: ast.AST) -> int:
        body = getattr(node, "body", [])
        return body[-1].end_lineno - getattr(node, "lineno", 1) + 1 if body else 0

    assert [place for place, node in found(*types) if lines(node) > limit] == []


def test_test_files_stay_short_and_their_names_are_unique() -> None:
    files = sorted(ROOT.glob("tests/**/*.py"))
    assert [path.name for path in files if len(path.read_text().splitlines()) > 300] == []
    tests = [path.name for path in files if path.name.startswith("test_")]
    assert sorted(set(tests)) == sorted(tests)


def test_packages_hold_no_code_of_their_own() -> None:
    packages = [path for path in LIBRARY if path.name == "__init__.py" and path.parent != Path("triortc")]
    assert [path for path in packages if LIBRARY[path].body] == []


def test_nothing_waits_below_the_sans_io_line() -> None:
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    assert [place for place, _ in found(*waiting, under=SANS_IO)] == []


def test_two_shields_at_most_and_only_where_media_is_closed() -> None:
    shields = [place for place, node in found(ast.keyword) if getattr(node, "arg", None) == "shield"]
    shields += [
        place
        for place, node in found(ast.Attribute)
        if getattr(node, "attr", None) == "shield" and isinstance(node.ctx, ast.Store)
    ]
    assert len(shields) <= 2
    assert [place for place in shields if not Path(place).is_relative_to(SHIELDED)] == []


@pytest.mark.parametrize("name", ["spawn_system_task", "start_thread_soon", "Thread", "asyncio"])
def test_every_task_has_a_nursery_and_every_thread_a_task(name: str) -> None:
    assert [place for place, used in names() if used.split(".")[0] == name] == []


def test_no_exception_is_swallowed_unnamed() -> None:
    def is_blind(handler: ast.ExceptHandler) -> bool:
        caught = ast.unparse(handler.type) if handler.type else "Exception"
        return re.search(r"\b(Base)?Exception\b", caught) is not None

    assert [place for place, node in found(ast.ExceptHandler) if is_blind(node)] == []
    suppressed = [
        place
        for place, node in found(ast.Call)
        if re.search(r"suppress\(.*\b(Base)?Exception\b", ast.unparse(node))
    ]
    assert suppressed == []


def test_every_memory_channel_is_bounded_and_names_its_policy() -> None:
    policy = re.compile(r"#.*\b(BLOCK|DROP_NEWEST|DROP_OLDEST|DROP_TO_KEYFRAME|LATEST|REJECT|RENDEZVOUS)\b")
    silent = []
    for place, node in found(ast.Call):
        if ast.unparse(node).startswith(("trio.open_memory_channel", "open_memory_channel")):
            path, line = place.split(":")
            around = (ROOT / path).read_text().splitlines()[int(line) - 3 : node.end_lineno]
            if not policy.search("\n".join(around)) or "inf" in ast.unparse(node.args[0]):
                silent.append(place)
    assert silent == []


@pytest.mark.parametrize("name", triortc.__all__)
def test_every_public_name_says_what_it_means(name: str) -> None:
    thing = getattr(triortc, name)
    if inspect.isclass(thing) or callable(thing):
        docstring = inspect.cleandoc(thing.__doc__ or "")
        assert docstring
        assert not docstring.startswith(f"{name}("), "that is the signature which dataclasses write"


def test_every_public_name_is_written_out_for_type_checkers_and_has_a_home() -> None:
    # A computed __all__ means nothing to pyright, which would then take every import for an export.
    assert sorted(triortc.__all__) == sorted([*triortc._HOME_OF, "__version__"])


def test_importing_triortc_loads_neither_ffmpeg_nor_the_web_stack() -> None:
    heavy = [
        "aioice",
        "asyncio",
        "av",
        "click",
        "cryptography",
        "hypercorn",
        "numpy",
        "OpenSSL",
        "rich",
        "starlette",
    ]
    program = f"import sys, triortc; print(*sys.modules.keys() & {set(heavy)!r})"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []
