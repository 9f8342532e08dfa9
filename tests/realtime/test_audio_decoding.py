"""Sound comes out of what a remote peer sends, and what is lost does not hurt."""

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import trio
from coded_streams import SOUND_ENCODERS, at_once, in_real_time, sound, tone, voice

from triortc.media import audio_decoder
from triortc.media.audio_decoder import AvDecoder, open_sound_decoder, samples_of
from triortc.media.audio_frames import AudioFrames, open_audio_frames
from triortc.media.opus import LibopusDecoder, load_libopus
from triortc.media.performer import Performer
from triortc.media.source import MediaError
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.playout import Sequence
from triortc.protocol.rtp.sound import CLOCK_RATES, inspect_packet_untrusted
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

CODECS = pytest.mark.parametrize("codec", SOUND_ENCODERS)


def likeness(one: np.ndarray, other: np.ndarray, slack: int = 0) -> float:
    """Return the highest normalized correlation of two pieces of mono sound, moved by up to *slack*."""
    one = one.astype(float)
    best = 0.0
    for shift in range(slack + 1):
        part = other[shift : shift + len(one)].astype(float)
        if len(part) == len(one):
            scale = np.sqrt((one @ one) * (part @ part)) + 1
            best = max(best, float(one @ part / scale))
    return best


def heard(packets: Iterable[ReceivedFrame], codec: str, rate: int = 48_000) -> np.ndarray:
    """Decode without loss of time, and return mono samples."""
    performer = Performer(format="s16", rate=rate, layout="mono", live=False)
    sequence = Sequence(CLOCK_RATES[codec])
    steps = [step for packet in packets for step in sequence.put(packet)]
    frames = [frame for done in performer.perform_all(steps) for frame in done.frames]
    performer.close()
    return np.concatenate([samples_of(frame)[:, 0] for frame in frames])


@CODECS
def test_what_was_said_is_heard(codec: str, measured: Callable[[str], None]) -> None:
    rate = SOUND_ENCODERS[codec][1]
    original = voice(2, rate)
    samples = heard(sound(codec, original, bitrate=64_000), codec, rate)
    found = likeness(original[rate // 2 : rate], samples[rate // 2 :], slack=rate // 50)
    measured(f"correlation {found:.3f}")
    assert found > (0.75 if codec == "opus" else 0.99)  # Opus takes the lowest frequencies out of voices
    assert abs(len(samples) - len(original)) <= rate // 50


@CODECS
def test_sound_comes_in_the_form_wanted(codec: str) -> None:
    packets = sound(codec, tone(440, 1, SOUND_ENCODERS[codec][1]))
    for format, layout, rate in (("flt", "mono", 16_000), ("s16", "stereo", 48_000)):
        performer = Performer(format=format, rate=rate, layout=layout, live=False)
        steps = [step for packet in packets for step in _sequence(codec).put(packet)]
        frames = [frame for done in performer.perform_all(steps) for frame in done.frames]
        performer.close()
        assert {(f.format.name, f.layout.name, f.sample_rate) for f in frames} == {(format, layout, rate)}
        assert sum(frame.samples for frame in frames) == pytest.approx(rate, rel=0.03)


@CODECS
def test_sound_is_as_loud_on_two_sides_as_on_one(codec: str) -> None:
    packets = sound(codec, tone(440, 1, SOUND_ENCODERS[codec][1]))
    loudness = []
    for layout in ("mono", "stereo"):
        performer = Performer(format="s16", rate=48_000, layout=layout, live=False)
        steps = [step for packet in packets for step in _sequence(codec).put(packet)]
        frames = [frame for done in performer.perform_all(steps) for frame in done.frames]
        performer.close()
        samples = np.concatenate([samples_of(frame) for frame in frames])[9600:].astype(float)
        loudness.append(np.sqrt(np.mean(samples**2, axis=0)))
    assert loudness[1] == pytest.approx(np.repeat(loudness[0], 2), rel=0.02)


def _sequence(codec: str) -> Sequence:
    return Sequence(CLOCK_RATES[codec])


@pytest.mark.parametrize("format", [{"format": "s17"}, {"layout": "5.1"}, {"rate": 7}])
def test_forms_that_do_not_exist_are_named(format: dict[str, object]) -> None:
    wanted = {"format": "s16", "layout": "mono", "rate": 48_000} | format
    with pytest.raises(LocalProtocolError):
        Performer(live=True, **wanted)


def test_a_lost_packet_is_heard_from_the_redundancy_of_the_next(measured: Callable[[str], None]) -> None:
    original = voice(4, 48_000)
    packets = sound("opus", original, bitrate=32_000)
    fec = [inspect_packet_untrusted("opus", packet.payloads[0]).has_fec for packet in packets]
    whole = heard(packets, "opus")
    recovered, concealed = [], []
    for number in range(60, 180, 7):
        if not fec[number + 1]:
            continue
        place = slice(number * 960, number * 960 + 960)
        lossy = heard(packets[:number] + packets[number + 1 :], "opus")
        recovered.append(likeness(whole[place], lossy[place]))
        decoder = open_sound_decoder("opus")
        for packet in packets[:number]:
            decoder.decode(packet.payloads[0])
        concealed.append(likeness(whole[place], decoder.conceal(960)[:, 0]))
        decoder.close()
    assert len(recovered) >= 10
    good, poor = float(np.median(recovered)), float(np.median(concealed))
    measured(f"correlation with the lost sound: {good:.2f} with FEC, {poor:.2f} concealed")
    assert good > 0.8
    assert good > poor


@pytest.mark.parametrize("missing", [1, 3, 20])
@CODECS
def test_a_gap_is_filled_to_the_sample(codec: str, missing: int) -> None:
    rate = SOUND_ENCODERS[codec][1]
    packets = sound(codec, voice(2, rate))
    whole, lossy = (
        heard(stream, codec, rate) for stream in (packets, packets[:40] + packets[40 + missing :])
    )
    assert len(whole) == len(lossy)
    resumed = (40 + missing + 5) * rate // 50
    assert likeness(whole[resumed : resumed + rate // 4], lossy[resumed:], slack=2) > 0.9


def test_opus_is_decoded_without_libopus_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_sound_decoder("opus"), LibopusDecoder)
    monkeypatch.setattr(audio_decoder, "load_libopus", lambda: None)
    decoder = open_sound_decoder("opus")
    assert isinstance(decoder, AvDecoder)
    original = voice(1, 48_000)
    packets = sound("opus", original, bitrate=64_000)
    samples = np.concatenate([decoder.decode(packet.payloads[0])[:, 0] for packet in packets])
    assert likeness(original[12_000:24_000], samples[12_000:], slack=960) > 0.75
    assert decoder.recover(packets[-1].payloads[0], 960).shape == (960, 2)
    decoder.close()


def test_pyav_brings_libopus_along() -> None:
    library = load_libopus()
    assert library is not None
    assert "av" in library._name


@CODECS
def test_no_garbage_raises(codec: str) -> None:
    decoder = open_sound_decoder(codec)
    noise = np.random.default_rng(7)
    for size in [*range(1, 60), 400, 1200]:
        packet = noise.integers(0, 256, size, np.uint8).tobytes()
        decoder.decode(packet)
        assert decoder.recover(packet, 960).shape[1] == decoder.channels
        assert decoder.conceal(480).shape == (480, decoder.channels)
    decoder.close()


def test_a_codec_that_is_not_known_is_named() -> None:
    with pytest.raises(MediaError, match="mp3"):
        open_sound_decoder("mp3")


@CODECS
async def test_lossless_frames_carry_the_streams_own_timestamps(codec: str) -> None:
    rate = SOUND_ENCODERS[codec][1]
    packets = sound(codec, tone(440, 2, rate))
    lossy = [packet for number, packet in enumerate(packets) if number not in (20, 50, 51)]
    with trio.fail_after(10):
        async with open_audio_frames(at_once(lossy), rate=rate, layout="mono", lossless=True) as frames:
            got = [frame async for frame in frames]
    assert [frame.pts for frame in got] == sorted(frame.pts for frame in got)
    assert sum(frame.samples for frame in got) == pytest.approx(2 * rate, abs=rate // 50)
    assert all(abs(a.pts + a.samples - b.pts) <= 40 for a, b in itertools.pairwise(got))
    assert frames.statistics.total_samples_received == pytest.approx(2 * CLOCK_RATES[codec], rel=0.02)
    assert frames.statistics.concealed_samples > 0


async def test_live_frames_come_at_the_pace_of_playing(measured: Callable[[str], None]) -> None:
    packets = sound("opus", voice(3, 48_000), bitrate=32_000)
    lossy = [packet for number, packet in enumerate(packets) if number % 10 != 7]
    late, played = [], 0
    with trio.fail_after(20):
        async with open_audio_frames(in_real_time(lossy)) as frames:
            start = trio.current_time()
            async for frame in frames:
                late.append(trio.current_time() - start - played / 48_000)
                assert frame.pts == played
                played += frame.samples
    assert played / 48_000 == pytest.approx(3.0, abs=0.15)
    statistics = frames.statistics
    concealed = statistics.concealed_samples / statistics.total_samples_received
    recovered = statistics.fec_packets_received - statistics.fec_packets_discarded
    measured(
        f"10% lost: concealed {concealed:.1%}, {recovered} packets recovered; playout delay {late[-1]:.3f} s"
    )
    assert recovered >= 8
    assert concealed <= 0.05
    assert late[-1] <= 0.3


async def test_a_reader_that_comes_late_hears_what_is_new() -> None:
    packets = sound("pcmu", tone(440, 3, 8_000))
    with trio.fail_after(20):
        async with open_audio_frames(in_real_time(packets), rate=8_000) as frames:
            await anext(frames)
            await trio.sleep(1.5)
            start = trio.current_time()
            rest = [frame.samples async for frame in frames]
            assert trio.current_time() - start < 2.0
    assert sum(rest) / 8_000 < 2.0
    assert frames.statistics.packets_discarded > 30


async def test_a_reader_that_is_cancelled_misses_nothing() -> None:
    packets = sound("opus", tone(440, 1, 48_000))
    send, receive = trio.open_memory_channel[ReceivedFrame](len(packets))
    for packet in packets:
        send.send_nowait(packet)
    send.close()
    samples, cancelled = 0, 0
    async with open_audio_frames(receive, lossless=True) as frames:
        for turn in itertools.count():
            with trio.CancelScope() as scope:
                if turn % 3:
                    scope.cancel()
                frame = await anext(frames, None)
                if frame is None:
                    break
                samples += frame.samples
            cancelled += scope.cancelled_caught
    assert samples == len(packets) * 960
    assert cancelled > 50


async def test_the_codec_may_change_on_the_way() -> None:
    first = sound("opus", tone(440, 1, 48_000))
    second = [
        ReceivedFrame(
            packet.payloads, timestamp=packet.timestamp, time=1 + packet.time, keyframe=True, codec="pcma"
        )
        for packet in sound("pcma", tone(440, 1, 8_000))
    ]
    with trio.fail_after(10):
        async with open_audio_frames(in_real_time([*first, *second])) as frames:
            samples = [frame.samples async for frame in frames]
    assert sum(samples) / 48_000 == pytest.approx(2.0, abs=0.25)


async def hear_to_the_end(frames: AudioFrames) -> None:
    async for _ in frames:
        pass


async def test_the_listener_learns_why_the_sound_ends() -> None:
    async def failing() -> object:
        for packet in sound("opus", tone(440, 0.1, 48_000)):
            yield packet
        raise trio.BrokenResourceError("the connection failed")

    for lossless in (False, True):
        with trio.fail_after(10):
            async with open_audio_frames(failing(), lossless=lossless) as frames:
                for _ in range(4):
                    await anext(frames)
                with pytest.raises(trio.BrokenResourceError, match="failed"):
                    await hear_to_the_end(frames)
        with pytest.raises(trio.ClosedResourceError):
            await anext(frames)
