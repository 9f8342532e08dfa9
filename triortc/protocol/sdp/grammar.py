"""Lines and sections of a session description (RFC 8866 §5, §9), without their meaning.

All ``*_untrusted`` functions here read text from the network and raise only ``Malformed``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from triortc.protocol.wire.errors import LocalProtocolError, Malformed

MAX_DESCRIPTION_SIZE = 256 * 1024
"""Largest description, in bytes of UTF-8."""

MAX_LINE_LENGTH = 16 * 1024
"""Longest line, in characters."""

MAX_LINES = 10_000
"""Most lines of a description: it bounds the time and the memory of parsing one."""

MAX_MEDIA_SECTIONS = 64
"""Most ``m=`` sections of a description."""

MAX_SHARED_VALUES = 64
"""Most values of one attribute that hold for many: those of the session part, and ``a=rtcp-fb:*``."""

MAX_DISTINCT_VALUES = 1_500
"""Most different values of attributes. Browsers repeat themselves: sixty sections have half as many."""

ValueT = TypeVar("ValueT")


@dataclass(slots=True)
class Section:
    """The session part of a description, or one media section.

    Attributes:
      lines: values by line type, in order; attributes are not among them.
      attributes: values by attribute name, in order; the value of a flag is ``""``.
      parsed: values by attribute name and text, which all sections of a description share.
    """

    parsed: dict[tuple[str, str], Any] = field(repr=False)
    lines: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, value: str) -> None:
        """Append the line ``<kind>=<value>``."""
        if kind != "a":
            self.lines.setdefault(kind, []).append(value)
            return
        name, _, value = value.partition(":")
        self.attributes.setdefault(name, []).append(value)

    def inherit(self, session: "Section", names: Iterable[str]) -> None:
        """Take the attributes *names* from the session part, where this one has none of its own.

        Raises:
          Malformed: if there are too many values to copy to every section.
        """
        for name in names:
            values = session.attributes.get(name, ())
            if len(values) > MAX_SHARED_VALUES:
                raise Malformed(f"more than {MAX_SHARED_VALUES} a={name} values for all sections")
            if values:
                self.attributes.setdefault(name, list(values))

    def values(self, name: str) -> Sequence[str]:
        """Return all values of an attribute."""
        return self.attributes.get(name, ())

    def first(self, name: str, parse: Callable[[str], ValueT]) -> ValueT | None:
        """Return an attribute's first value, parsed, or None when there is none.

        Raises:
          Malformed: as *parse* does; the message then names the attribute.
        """
        return next(self._parsed(name, parse), None)

    def every(self, name: str, parse: Callable[[str], ValueT]) -> tuple[ValueT, ...]:
        """Return all values of an attribute, parsed; errors as with :meth:`first`."""
        return tuple(self._parsed(name, parse))

    def _parsed(self, name: str, parse: Callable[[str], ValueT]) -> Iterator[ValueT]:
        try:
            for text in self.values(name):
                yield self._parse_once(name, text, parse)
        except Malformed as error:
            raise Malformed(f"a={name}: {error}") from None

    def _parse_once(self, name: str, text: str, parse: Callable[[str], ValueT]) -> ValueT:
        value: ValueT | None = self.parsed.get((name, text))
        if value is None:
            if len(self.parsed) >= MAX_DISTINCT_VALUES:
                raise Malformed(f"more than {MAX_DISTINCT_VALUES} different values")
            value = self.parsed[name, text] = parse(text)
        return value


def split_sections_untrusted(sdp: str) -> tuple[Section, list[Section]]:
    """Split a description into its session part and its media sections.

    Line ends may be LF alone, blank lines are passed over.

    Raises:
      Malformed: if a line is no ``<type>=<value>``, or a limit is passed.
    """
    session = current = Section({})
    media: list[Section] = []
    for kind, value in _split_lines_untrusted(sdp):
        if kind == "m":
            if len(media) == MAX_MEDIA_SECTIONS:
                raise Malformed(f"more than {MAX_MEDIA_SECTIONS} media sections")
            current = Section(session.parsed)
            media.append(current)
        current.add(kind, value)
    return session, media


def _split_lines_untrusted(sdp: str) -> Iterator[tuple[str, str]]:
    _check_text_untrusted(sdp)
    lines = sdp.split("\n", MAX_LINES)
    if len(lines) > MAX_LINES:
        raise Malformed(f"more than {MAX_LINES} lines")
    for number, line in enumerate(lines, 1):
        if line[-1:] == "\r":
            line = line[:-1]
        if len(line) > MAX_LINE_LENGTH:
            raise Malformed(f"line {number} is longer than {MAX_LINE_LENGTH} characters")
        if line[1:2] == "=" and "\r" not in line:
            yield line[0], line[2:]
        elif line.strip():
            raise Malformed(f"line {number} is no <type>=<value>")


def _check_text_untrusted(sdp: str) -> None:
    if len(sdp) > MAX_DESCRIPTION_SIZE:
        raise Malformed(f"more than {MAX_DESCRIPTION_SIZE} bytes")
    try:
        size = len(sdp.encode())
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell
        raise Malformed("not Unicode text") from None
    if size > MAX_DESCRIPTION_SIZE:
        raise Malformed(f"more than {MAX_DESCRIPTION_SIZE} bytes")
    if "\0" in sdp:
        raise Malformed("a NUL character")


def join_lines(lines: Iterable[str]) -> str:
    """Join lines into a description, each ended by CRLF.

    Raises:
      LocalProtocolError: if a line has a CR, LF or NUL: it would be read as something else.
    """
    checked = list(lines)
    for line in checked:
        if "\r" in line or "\n" in line or "\0" in line:
            raise LocalProtocolError("a line break or NUL in a session description's value")
    return "".join(f"{line}\r\n" for line in checked)


def is_uint(text: str, digits: int = 10) -> bool:
    """Whether *text* is decimal digits, at most *digits* of them; ``int()`` takes more than that."""
    return text.isascii() and text.isdigit() and len(text) <= digits


def parse_uint_untrusted(text: str, maximum: int) -> int:
    """Parse decimal digits, at most ten.

    Raises:
      Malformed: if *text* is something else, or more than *maximum*.
    """
    if not is_uint(text) or int(text) > maximum:
        raise Malformed(f"{text[:20]!r} is no number up to {maximum}")
    return int(text)


def parse_token_untrusted(text: str) -> str:
    """Parse one word: printable ASCII without spaces.

    Wider than RFC 8866's ``token``, as are the mids and ufrags that peers send.
    """
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise Malformed(f"{text[:20]!r} is no token")
    return text


def split_words_untrusted(text: str, minimum: int, maximum: int) -> list[str]:
    """Split at spaces into *minimum* to *maximum* words; the last one may hold spaces.

    Raises:
      Malformed: if there are fewer.
    """
    words = text.strip().split(None, maximum - 1)
    if len(words) < minimum:
        raise Malformed(f"{len(words)} words where {minimum} are needed")
    return words
