"""Values of command line options."""

import re

import click

FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}


class Bitrate(click.ParamType[int]):
    """Bits per second: digits, perhaps with a fraction, and ``k`` or ``M``."""

    name = "N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bits per second."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([kKmM]?)", str(value), re.ASCII)
        bitrate = round(float(match[1]) * FACTORS[match[2].lower()]) if match else 0
        if not 10_000 <= bitrate <= 1_000_000_000:
            self.fail(f"{value!r} is no bitrate; write bits per second, such as 800k or 2M.", param, ctx)
        return bitrate


class Size(click.ParamType[tuple[int, int]]):
    """Width and height in pixels, as in ``1280x720``."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return width and height."""
        match = re.fullmatch(r"([1-9][0-9]{1,4})[xX×]([1-9][0-9]{1,4})", str(value), re.ASCII)
        if match is None:
            self.fail(f"{value!r} is no size; write width and height, such as 1280x720.", param, ctx)
        return int(match[1]), int(match[2])


BITRATE = Bitrate()
SIZE = Size()
