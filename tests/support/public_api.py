"""What is asynchronous about the public names, found rather than listed."""

import inspect
from collections.abc import Iterable, Iterator

import triortc


def named(entries: Iterable[str]) -> Iterator[str]:
    for entry in entries:
        thing, _, methods = entry.partition(": ")
        yield from (f"{thing}.{method}" for method in methods.split()) if methods else [thing]


def is_asynchronous(thing: object) -> bool:
    """Whether it is to be awaited, or used by ``async with``."""
    if not callable(thing):
        return False
    returned = str(getattr(thing, "__annotations__", {}).get("return"))
    words = ("AsyncContextManager", "AsyncIterator", "AsyncGenerator", "Awaitable", "Coroutine")
    return inspect.iscoroutinefunction(thing) or any(word in returned for word in words)


def asynchronous(name: str) -> Iterator[str]:
    """Find what is asynchronous about a public name."""
    thing = getattr(triortc, name)
    if getattr(thing, "_is_protocol", False):
        return  # what a user's own thing has to offer
    if not inspect.isclass(thing):
        if is_asynchronous(thing):
            yield name
        return
    for attribute in dir(thing):
        if attribute[0] != "_" or attribute in ("__anext__", "__aenter__", "__aexit__"):
            member = inspect.getattr_static(thing, attribute)
            if is_asynchronous(getattr(member, "__func__", getattr(member, "fget", member))):
                yield f"{name}.{attribute}"
