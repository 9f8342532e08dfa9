"""Sound is played on devices, here on ones that write into a file or into memory."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
import trio
from coded_streams import in_real_time, sound, tone

from triortc.media import loudspeaker
from triortc.media.audio_frames import AudioFrames, open_audio_frames
from triortc.media.source import MediaError
from triortc.media.speaker import LEAD, Speaker, open_speaker
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

ALSA = pytest.mark.skipif(
    sys.platform != "linux" or not loudspeaker._can_write("alsa"), reason="this FFmpeg has no ALSA"
)


@pytest.fixture
def alsa_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that ALSA writes, rather than to a device."""
    played, config = tmp_path / "played.raw", tmp_path / "asound.conf"
    config.write_text(
        f'pcm.!default {{ type file slave.pcm "null" file "{played}" format "raw" }}\n'
        "pcm.null { type null }\n"
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    return played


class FakeStream:
    """What PortAudio's output stream does, into memory."""

    def __init__(self, module: "FakeSounddevice", device: object) -> None:
        if device not in (None, 3, "Headset"):
            raise ValueError(f"No output device matching {device!r}")
        self.module = module
        self.device = device

    def start(self) -> None:
        self.module.calls.append("start")

    def write(self, data: bytes) -> None:
        if self.module.unplugged:
            raise self.module.PortAudioError("Device unavailable")
        self.module.played += data

    def stop(self) -> None:
        self.module.calls.append("stop")

    def close(self) -> None:
        self.module.calls.append("close")


class FakeSounddevice(ModuleType):
    """The package ``sounddevice``."""

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.played = b""
        self.calls: list[str] = []
        self.unplugged = False

    def RawOutputStream(self, *, device: object, **form: object) -> FakeStream:
        assert form == {"samplerate": 48_000, "channels": 2, "dtype": "int16", "latency": "low"}
        return FakeStream(self, device)


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSounddevice]:
    module = FakeSounddevice()
    monkeypatch.setattr(loudspeaker, "_can_write", lambda format: False)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


class Track:
    """A remote track of a tone."""

    kind = "audio"

    @asynccontextmanager
    async def frames(self) -> AsyncIterator[AudioFrames]:
        async with open_audio_frames(in_real_time(sound("opus", tone(440, 1, 48_000)))) as frames:
            yield frames


def mono_frames(count: int) -> Iterator[av.AudioFrame]:
    """Yield a tone in frames of 20 ms."""
    for samples in tone(440, count / 50, 8_000).reshape(count, 160):
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis].copy(), "s16", "mono")
        frame.sample_rate = 8_000
        yield frame


def strongest(raw: bytes) -> float:
    """Return the frequency that is strongest in what was played."""
    left = np.frombuffer(raw, np.int16)[::2].astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(left))) * 48_000 / len(left))


@ALSA
async def test_a_track_is_heard_through_alsa(alsa_file: Path) -> None:
    with trio.fail_after(10):
        async with open_speaker() as speaker:
            await speaker.play(Track())
    played = await trio.Path(alsa_file).read_bytes()
    assert len(played) / 192_000 == pytest.approx(1 + LEAD, abs=0.15)
    assert strongest(played) == pytest.approx(440, abs=3)
    assert speaker.seconds_played == pytest.approx(len(played) / 192_000, abs=0.001)
    assert speaker.underruns <= 2


@ALSA
async def test_a_device_that_is_not_there_is_one_line(alsa_file: Path) -> None:
    with pytest.raises(MediaError, match=r"^cannot open speaker nowhere: [^\n]+$"):
        async with open_speaker("nowhere"):
            pass


async def test_portaudio_plays_where_ffmpeg_cannot(portaudio: FakeSounddevice) -> None:
    async with open_speaker() as speaker:
        for frame in mono_frames(50):
            await speaker.write(frame)
    assert portaudio.calls == ["start", "stop", "close"]
    assert len(portaudio.played) / 192_000 == pytest.approx(1 + LEAD, abs=0.01)
    assert strongest(portaudio.played) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("device", ["3", "Headset"])
async def test_a_device_is_chosen_by_index_or_name(portaudio: FakeSounddevice, device: str) -> None:
    async with open_speaker(device):
        pass
    assert portaudio.calls == ["start", "stop", "close"]


async def test_a_device_that_portaudio_does_not_know_is_one_line(portaudio: FakeSounddevice) -> None:
    with pytest.raises(MediaError, match="cannot open speaker Lamp: No output device"):
        async with open_speaker("Lamp"):
            pass


async def play_until_unplugged(module: FakeSounddevice) -> None:
    async with open_speaker() as speaker:
        await speaker.write(next(mono_frames(1)))
        module.unplugged = True
        await speaker.write(next(mono_frames(1)))


async def test_a_device_that_is_unplugged_is_an_error_where_it_is_played_on(
    portaudio: FakeSounddevice,
) -> None:
    with pytest.raises(MediaError, match="cannot play on speaker default: Device unavailable"):
        await play_until_unplugged(portaudio)
    assert portaudio.calls[-1] == "close"


async def test_without_any_way_to_play_the_extra_is_named(
    portaudio: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MediaError, match=r"install triortc\[speaker\]"):
        async with open_speaker():
            pass


async def test_a_pause_is_bridged_by_silence_so_that_the_device_is_ahead(portaudio: FakeSounddevice) -> None:
    async with open_speaker() as speaker:
        await speaker.write(next(mono_frames(1)))
        await trio.sleep(0.2)
        await speaker.write(next(mono_frames(1)))
    assert speaker.underruns == 2


async def test_what_cannot_be_played_is_refused(portaudio: FakeSounddevice) -> None:
    class Film(Track):
        kind = "video"

    async with open_speaker() as speaker:
        with pytest.raises(LocalProtocolError, match="video"):
            await speaker.play(Film())
    with pytest.raises(trio.ClosedResourceError):
        await speaker.write(next(mono_frames(1)))


async def test_two_tasks_cannot_play_at_once(portaudio: FakeSounddevice) -> None:
    async with open_speaker() as speaker:
        refused = []

        async def write(speaker: Speaker) -> None:
            try:
                await speaker.write(next(mono_frames(1)))
            except trio.BusyResourceError:
                refused.append(speaker)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, speaker)
            nursery.start_soon(write, speaker)
    assert len(refused) == 1
