"""The ``triortc`` command. Only click is loaded until a command runs."""

import sys

import click

import triortc

from .values import BITRATE, SIZE

EXIT_MISUSE = 2
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(triortc.__version__, prog_name="triortc", message="%(prog)s %(version)s")
def cli() -> None:
    """WebRTC for Trio."""


@cli.command(options_metavar="[OPTIONS]", no_args_is_help=False)
@click.argument("source", default="test")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that HTTP listens on.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="TCP port of the page.",
)
@click.option(
    "--codec",
    default="vp8",
    show_default=True,
    type=click.Choice(["vp8", "vp9", "h264", "av1"], case_sensitive=False),
    help="Video codec.",
)
@click.option("--bitrate", type=BITRATE, help="Video bits per second, such as 800k or 2M.  [default: 2M]")
@click.option(
    "--size",
    type=SIZE,
    metavar="WxH",
    help="Picture size of a camera or of the test card.  [default: 1280x720]",
)
@click.option("--fps", type=click.IntRange(1, 240), help="Frames per second of them.  [default: 30]")
@click.option("--no-audio", is_flag=True, help="Send no sound.")
@click.option(
    "--udp-port",
    default=0,
    type=click.IntRange(0, 65535),
    help="The one UDP port of all media, for firewalls.  [default: a free one]",
)
@click.option("--public", is_flag=True, help="Ask for no token when --host is not loopback.")
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Let pages of another origin watch, such as https://example.org. May be repeated.",
)
@click.option(
    "--max-viewers", default=500, show_default=True, type=click.IntRange(1), help="Most viewers at a time."
)
def broadcast(**options: object) -> int:
    """Show SOURCE to many browsers: encoded once, played with no click.

    SOURCE is "test" (the default: a moving test card with a clock and a tone), "camera" (the
    system's first one), a device such as /dev/video0, a file, or a URL.

    On loopback nothing more is needed. Bound to another address, the printed URL carries a
    token; only who has the whole URL can watch.
    """
    from .broadcast import Options, run

    return run(Options(**options))  # type: ignore[arg-type]


def main() -> None:
    """Run the command line; the entry point of the ``triortc`` script."""
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as error:
        complain(error.format_message())
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = EXIT_INTERRUPTED
    sys.exit(status)


def complain(message: str) -> None:
    """Write one line about what is wrong to stderr."""
    print(f"triortc: {' '.join(message.split())}", file=sys.stderr)
