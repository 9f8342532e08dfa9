"""What a broadcast tells the terminal: its URL once, and live figures."""

import io
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn, Protocol

import trio

from triortc.web.broadcast import Broadcast, BroadcastStatistics

if TYPE_CHECKING:
    from rich.table import Table

INTERVAL = 1.0
"""Seconds between two looks."""

WIDTHS = {"viewers": 7, "sending": 11, "encoder": 15, "dropped": 20, "loop": 13}
"""Columns of the row, wide enough not to move from second to second."""


class Display(Protocol):
    """Where figures are shown."""

    def show(self, before: BroadcastStatistics, now: BroadcastStatistics, seconds: float) -> None:
        """Show what has changed in *seconds*."""
        ...


class PlainDisplay:
    """For pipes and log files: a line when viewers come or go."""

    def show(self, before: BroadcastStatistics, now: BroadcastStatistics, seconds: float) -> None:
        """Print how many watch, if that has changed."""
        if now.viewers != before.viewers:
            print(f"viewers: {now.viewers}", flush=True)


class LiveDisplay:
    """For terminals: one row of figures that stays in place."""

    def __init__(self, stack: ExitStack) -> None:
        from rich.live import Live

        # Its own refresh would be a thread.
        self._live = stack.enter_context(Live(auto_refresh=False, transient=True))

    def show(self, before: BroadcastStatistics, now: BroadcastStatistics, seconds: float) -> None:
        """Draw the row anew."""
        self._live.update(draw_row(describe(before, now, seconds)), refresh=True)


async def show_figures(broadcast: Broadcast) -> NoReturn:
    """Show figures each second until cancelled, and how many were served at the end."""
    before, since = broadcast.statistics(), trio.current_time()
    try:
        with ExitStack() as stack:
            display: Display = LiveDisplay(stack) if sys.stdout.isatty() else PlainDisplay()
            while True:
                await trio.sleep(INTERVAL)
                statistics, now = broadcast.statistics(), trio.current_time()
                display.show(before, statistics, now - since)
                before, since = statistics, now
    finally:
        print(f"Ended; viewers served: {broadcast.statistics().viewers_served}.", flush=True)


def describe(before: BroadcastStatistics, now: BroadcastStatistics, seconds: float) -> dict[str, str]:
    """Return the figures in words."""
    frames = now.frames_encoded - before.frames_encoded
    busy = now.encode_seconds - before.encode_seconds
    return {
        "viewers": str(now.viewers),
        "sending": format_bitrate((now.bytes_sent - before.bytes_sent) * 8 / seconds),
        "encoder": f"{busy / frames * 1000:.1f} ms a frame" if frames else "idle",
        "dropped": f"{_count(now.frames_dropped, 'frame')}, {_count(now.datagrams_dropped, 'packet')}",
        "loop": f"{now.loop_lag * 1000:.1f} ms late",
    }


def draw_row(figures: dict[str, str]) -> "Table":
    """Return the figures as a row under their names."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    for name, width in WIDTHS.items():
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_row(*map(figures.__getitem__, WIDTHS), style="bold")
    return table


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def format_bitrate(bits: float) -> str:
    """Return bits per second as a person reads them."""
    for unit, size in ("Gbit/s", 1e9), ("Mbit/s", 1e6):
        if bits >= size:
            return f"{bits / size:.1f} {unit}"
    return f"{bits / 1e3:.0f} kbit/s"


def print_invitation(broadcast: Broadcast, source: str) -> None:
    """Print where to watch, as text and as a QR code."""
    code = draw_code(broadcast.url)
    if _can_print(code):
        print(code)
    print(f"Broadcasting {source}. Watch it at")
    for url in broadcast.urls:
        print(f"  {url}")
    print("Ctrl-C ends it.", flush=True)


def draw_code(url: str) -> str:
    """Return a QR code of *url*, drawn with half blocks for a dark terminal."""
    import segno

    drawing = io.StringIO()
    segno.make(url, micro=False, error="l").terminal(drawing, border=2, compact=True)
    return drawing.getvalue().rstrip("\n")


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
