import click
import pytest

from triortc.cli.broadcast import Options, choose_sources
from triortc.cli.figures import describe, draw_code, format_bitrate
from triortc.cli.values import BITRATE, SIZE
from triortc.media.source import Camera, MediaFile, Microphone, TestPattern
from triortc.web.broadcast import BroadcastStatistics, make_url, reachable

DEFAULTS = Options("test", "127.0.0.1", 8080, "vp8", None, None, None, False, 0, False, (), 500)


def options(source: str, **kwargs: object) -> Options:
    fields = {name: getattr(DEFAULTS, name) for name in DEFAULTS.__dataclass_fields__}
    return Options(**{**fields, "source": source, **kwargs})


@pytest.mark.parametrize(
    ("text", "bitrate"), [("800k", 800_000), ("2M", 2_000_000), ("1.5m", 1_500_000), ("64000", 64_000)]
)
def test_a_bitrate_may_have_a_unit(text: str, bitrate: int) -> None:
    assert BITRATE.convert(text, None, None) == bitrate


@pytest.mark.parametrize("text", ["", "fast", "-2M", "1", "2G", "1e6", "٣M", "9999M", "1_000k"])
def test_what_is_no_bitrate_is_told(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no bitrate"):
        BITRATE.convert(text, None, None)


def test_a_size_is_width_and_height() -> None:
    assert SIZE.convert("640x360", None, None) == (640, 360)
    for text in "", "640", "640x", "0x0", "-1x5", "640x360x2", "٣٠x30":
        with pytest.raises(click.BadParameter, match="is no size"):
            SIZE.convert(text, None, None)


def test_the_source_is_known_by_its_name() -> None:
    assert choose_sources(options("test")) == [TestPattern()]
    assert choose_sources(options("test", size=(640, 360), fps=15)) == [TestPattern((640, 360), 15)]
    assert choose_sources(options("/dev/video1", fps=25)) == [
        Camera("/dev/video1", framerate=25),
        Microphone(),
    ]
    assert choose_sources(options("camera", no_audio=True)) == [Camera()]
    assert choose_sources(options("film.webm")) == [MediaFile("film.webm", loop=True)]
    assert choose_sources(options("rtsp://camera/1")) == [MediaFile("rtsp://camera/1")]


def test_a_file_keeps_its_own_size() -> None:
    with pytest.raises(ValueError, match="--size and --fps"):
        choose_sources(options("film.webm", size=(640, 360)))


def test_figures_are_told_in_words() -> None:
    before = BroadcastStatistics(1, 1, 0, 0, 0, 1, 0, 0, 0.0, 0.0)
    now = BroadcastStatistics(2, 3, 0, 500_000, 4, 1, 60, 1, 0.3, 0.0021)
    assert describe(before, now, 2.0) == {
        "viewers": "2",
        "sending": "2.0 Mbit/s",
        "encoder": "5.0 ms a frame",
        "dropped": "1 frame, 4 packets",
        "loop": "2.1 ms late",
    }
    assert describe(before, before, 1.0)["encoder"] == "idle"


def test_bitrates_have_a_fitting_unit() -> None:
    assert [format_bitrate(bits) for bits in (0, 64_000, 2_100_000, 1.5e9)] == [
        "0 kbit/s",
        "64 kbit/s",
        "2.1 Mbit/s",
        "1.5 Gbit/s",
    ]


def test_the_token_is_in_the_fragment_of_the_url() -> None:
    assert make_url("127.0.0.1", 8080, None) == "http://127.0.0.1:8080/"
    assert make_url("2001:db8::1", 80, "x") == "http://[2001:db8::1]/#token=x"


def test_loopback_is_the_last_url_to_give_away() -> None:
    assert reachable(["127.0.0.1"]) == ["127.0.0.1"]
    assert reachable(["::1", "127.0.0.1"]) == ["127.0.0.1", "::1"]
    assert reachable(["0.0.0.0"])[-1] == "127.0.0.1"


def test_the_code_is_drawn_in_half_blocks() -> None:
    rows = draw_code("http://127.0.0.1:8080/").splitlines()
    assert len({len(row) for row in rows}) == 1
    assert len(rows) < 25
