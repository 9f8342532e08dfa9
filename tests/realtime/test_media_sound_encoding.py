"""Sound of any form becomes packets of 20 ms with even timestamps."""

import itertools

import av
import numpy as np
import pytest
from media_clips import Viewer
from support.leaks import Snapshot, wait_nothing_left

from triortc.media.encoder import Stage
from triortc.media.encodings import G722, PCMA, PCMU, AudioEncoding, Opus
from triortc.media.inbox import Raw
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime

SOUND = pytest.mark.parametrize(
    "encoding", [Opus(), G722(), PCMU(), PCMA()], ids=lambda encoding: encoding.name
)


def tone(first: int, samples: int, rate: int = 48_000, layout: str = "stereo", volume: float = 0.3) -> Raw:
    """A piece of sound of 440 Hz, that begins *first* samples from the beginning."""
    channels = 2 if layout == "stereo" else 1
    wave = np.sin(2 * np.pi * 440 * np.arange(first, first + samples) / rate) * volume * 32767
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels).astype(np.int16)[None], "s16", layout)
    frame.sample_rate = rate
    return Raw(frame, first * 48_000 // rate, first / rate)


def encode_sound(encoding: AudioEncoding, raws: list[Raw], clock_rate: int = 48_000) -> list[EncodedFrame]:
    stage = Stage(encoding, clock_rate=clock_rate)
    packets = [packet for raw in raws for packet in stage.encode(raw)[0]]
    stage.close()
    return packets


@SOUND
def test_a_tone_is_heard_at_its_pitch(encoding: AudioEncoding) -> None:
    packets = encode_sound(encoding, [tone(first, 1000) for first in range(0, 48_000, 1000)])
    viewer = Viewer(encoding)
    heard = np.concatenate([samples for packet in packets for samples in viewer.decode(packet)], axis=1)
    rate = {"opus": 48_000, "G722": 16_000}.get(encoding.name, 8_000)
    left = heard[0, :: 2 if encoding.channels == 2 else 1][rate // 5 :]
    spectrum = np.abs(np.fft.rfft(left))
    assert abs(np.fft.rfftfreq(len(left), 1 / rate)[spectrum.argmax()] - 440) < 10


@SOUND
def test_timestamps_count_in_the_clock_of_the_encoding(encoding: AudioEncoding) -> None:
    packets = encode_sound(encoding, [tone(first, 1000) for first in range(0, 48_000, 1000)])
    steps = [later.timestamp - earlier.timestamp for earlier, later in itertools.pairwise(packets)]
    assert set(steps) == {encoding.clock_rate // 50}
    assert packets[-1].time == pytest.approx(packets[-1].timestamp / encoding.clock_rate, abs=0.001)


@SOUND
def test_a_packet_holds_20_ms(encoding: AudioEncoding) -> None:
    packets = encode_sound(encoding, [tone(0, 9600)])
    if encoding.name != "opus":
        assert {packet.size for packet in packets} == {160}
    assert 9 <= len(packets) <= 10


def test_one_channel_is_as_loud_in_two() -> None:
    loudest = []
    for layout in ("mono", "stereo"):
        raws = [tone(first, 960, layout=layout) for first in range(0, 24_000, 960)]
        viewer = Viewer(Opus())
        packets = encode_sound(Opus(bitrate=128_000), raws)
        sides = np.concatenate([samples for packet in packets for samples in viewer.decode(packet)], axis=1)
        loudest.append(float(np.sqrt(np.mean(np.square(sides[0, 9600:], dtype=float)))))
    assert loudest[0] == pytest.approx(loudest[1], rel=0.02)


def test_sound_may_change_its_form_on_the_way() -> None:
    forms = [(44_100, "stereo")] * 10 + [(48_000, "mono")] * 10 + [(8_000, "mono")] * 10
    raws = [
        tone(0, rate // 10, rate, layout)._replace(timestamp=number * 4800, time=number / 10)
        for number, (rate, layout) in enumerate(forms)
    ]
    stamps = [packet.timestamp for packet in encode_sound(Opus(), raws)]
    steps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    assert len(stamps) >= 145
    assert min(steps) > 0
    assert max(steps) <= 2 * 960


def test_silence_is_not_sent_when_that_is_asked_for() -> None:
    quiet = [tone(first, 960, volume=0) for first in range(0, 96_000, 960)]
    loud = [tone(first, 960) for first in range(96_000, 110_400, 960)]
    assert len(encode_sound(Opus(dtx=False), quiet)) >= 99
    packets = encode_sound(Opus(dtx=True), quiet + loud)
    assert 25 <= len(packets) <= 35, "200 ms of it, one packet each 400 ms, and what is loud"
    assert packets[-1].timestamp >= 107_000, "the clock went on in the silence"


def test_opus_follows_another_bitrate() -> None:
    noise = np.random.default_rng(0)
    stage, sizes = Stage(Opus(96_000)), []
    for number in range(150):
        frame = av.AudioFrame.from_ndarray(
            noise.integers(-9000, 9000, (1, 1920), np.int16, endpoint=True), "s16", "stereo"
        )
        frame.sample_rate = 48_000
        packets, _ = stage.encode(
            Raw(frame, number * 960, number / 50), bitrate=96_000 if number < 75 else 24_000
        )
        sizes += [(packet.timestamp, packet.size) for packet in packets]
    stage.close()
    assert sum(size for _, size in sizes[-25:]) < 0.4 * sum(size for _, size in sizes[40:65])
    steps = {later - earlier for (earlier, _), (later, _) in itertools.pairwise(sizes)}
    assert steps == {960}


def test_mono_and_speech_are_options_of_opus() -> None:
    packets = encode_sound(Opus(24_000, stereo=False, application="voip"), [tone(0, 9600)])
    assert all(packet.payloads[0][0] & 4 == 0 for packet in packets), "the TOC says mono (RFC 6716 §3.1)"


def test_a_closed_encoder_has_no_threads_though_it_is_remembered() -> None:
    before = Snapshot.take()
    encoder = Opus().open_encoder(framerate=30)
    encoder.encode(tone(0, 960), keyframe=False)
    encoder.close()
    assert wait_nothing_left(before, seconds=2) == []
    assert encoder is not None
