"""Files: decoded or as they are, once or for ever, in real time."""

import itertools
import time
from pathlib import Path

import av
import numpy as np
import pytest
import trio
from media_clips import Viewer, make_clip

from triortc.media.encodings import H264, VP8, Opus
from triortc.media.local_track import LocalTrack
from triortc.media.open import Media, open_media
from triortc.media.source import MediaError, MediaFile
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime


async def receive_all(track: LocalTrack, limit: int = 10_000) -> list[EncodedFrame]:
    frames: list[EncodedFrame] = []
    with track.subscribe(track.encodings[0]) as subscription:
        while len(frames) < limit:
            try:
                frames.append(await subscription.receive())
            except trio.EndOfChannel:
                break
    return frames


async def receive_both(media: Media, limit: int = 10_000) -> tuple[list[EncodedFrame], list[EncodedFrame]]:
    received: dict[str, list[EncodedFrame]] = {}

    async def receive(track: LocalTrack) -> None:
        received[track.kind] = await receive_all(track, limit)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for track in media.tracks:
                nursery.start_soon(receive, track)
    return received.get("video", []), received.get("audio", [])


@pytest.mark.parametrize("transcode", [True, False])
async def test_a_file_plays_in_real_time_and_ends(tmp_path: Path, transcode: bool) -> None:
    clip = make_clip(tmp_path / "clip.webm")
    async with open_media(MediaFile(clip, transcode=transcode)) as media:
        started = trio.current_time()
        video, audio = await receive_both(media)
        assert 0.8 < trio.current_time() - started < 2
        await media.wait_ended()
        assert media.ended
    assert 27 <= len(video) <= 30
    assert 48 <= len(audio) <= 52
    steps = {later.timestamp - earlier.timestamp for earlier, later in itertools.pairwise(audio)}
    assert all(abs(step - 960) <= 48 for step in steps)
    assert all(abs(video[-1].time - frame.time) <= 1.1 for frame in audio)


@pytest.mark.parametrize(
    ("name", "codec", "encoding"),
    [
        ("clip.webm", "libvpx", VP8),
        ("clip.ivf", "libvpx", VP8),
        ("clip.mp4", "libx264", H264),
        ("clip.mkv", "libx264", H264),
    ],
)
async def test_a_coded_file_is_sent_as_it_is(
    tmp_path: Path, name: str, codec: str, encoding: type[VP8 | H264]
) -> None:
    audio = None if name.endswith("ivf") else "libopus"
    clip = make_clip(tmp_path / name, video=codec, audio=audio, tune="zerolatency", preset="ultrafast")
    async with open_media(MediaFile(clip, transcode=False)) as media:
        track = media.video
        assert track is not None
        assert isinstance(track.encodings[0], encoding)
        with trio.fail_after(10), track.subscribe(track.encodings[0]) as subscription:
            numbers = await Viewer(track.encodings[0]).watch(subscription, 15)
        assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + 15))
        assert (numbers[0] or 0) % 10 == 0, "the first one is a keyframe of the file"
        assert not track.statistics().renditions[0].encoder_running


async def test_the_profile_of_an_untranscoded_h264_file_is_its_own(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", video="libx264", profile="baseline", level="4.0")
    async with open_media(MediaFile(clip, transcode=False)) as media:
        assert media.video is not None
        (encoding,) = media.video.encodings
        assert isinstance(encoding, H264)
        assert encoding.profile_level_id == "42e028"


@pytest.mark.parametrize("transcode", [True, False])
@pytest.mark.parametrize("name", ["clip.webm", "clip.mp4"])
async def test_a_loop_goes_on_without_a_seam(tmp_path: Path, name: str, transcode: bool) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    clip = make_clip(tmp_path / name, video=codec, seconds=0.5, tune="zerolatency", preset="ultrafast")
    async with open_media(MediaFile(clip, loop=True, transcode=transcode)) as media:
        video, audio = await receive_both(media, 50)
    for frames, rate in ((video, 90_000), (audio, 48_000)):
        steps = [
            (later.timestamp - earlier.timestamp) / rate for earlier, later in itertools.pairwise(frames)
        ]
        assert min(steps) > 0
        assert max(steps) < 0.1
    assert all(abs(frame.time - video[0].time) < 3 for frame in video)


async def test_sound_of_another_rate_and_layout_is_resampled(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=22_050, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 22_050), np.int16), format="s16", layout="mono")
        frame.sample_rate = 22_050
        container.mux(stream.encode(frame))
    async with open_media(MediaFile(path)) as media:
        assert media.video is None
        _, audio = await receive_both(media)
    assert 45 <= len(audio) <= 50
    assert {later.timestamp - earlier.timestamp for earlier, later in itertools.pairwise(audio)} == {960}


@pytest.mark.parametrize(
    ("name", "clip", "words"),
    [
        ("b.mp4", {"video": "libx264", "bf": "2", "preset": "fast"}, "B-frames"),
        ("h.mp4", {"video": "libx264", "bf": "0", "preset": "fast"}, "profile High, not Baseline"),
        ("m.avi", {"video": "mjpeg", "audio": None}, "its video is mjpeg"),
        ("a.mp4", {"video": None, "audio": "aac"}, "its audio is aac"),
    ],
)
async def test_what_cannot_be_sent_as_it_is_says_why(
    tmp_path: Path, name: str, clip: dict, words: str
) -> None:
    if clip["video"] == "mjpeg":
        clip |= {"strict": "unofficial"}
    path = make_clip(tmp_path / name, **clip)
    with pytest.raises(MediaError, match=words):
        async with open_media(MediaFile(path, transcode=False)):
            pytest.fail("the body must not begin")


async def test_opus_alone_is_sent_as_it_is(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ogg", video=None)
    async with open_media(MediaFile(clip, transcode=False)) as media:
        assert media.audio is not None
        assert isinstance(media.audio.encodings[0], Opus)
        _, audio = await receive_both(media)
    assert 48 <= len(audio) <= 52


async def test_a_file_of_which_nothing_is_wanted_rests(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.ogg", video=None, seconds=0.1)
    async with open_media(MediaFile(clip, loop=True), audio=None) as media:
        assert media.tracks == ()
        started = time.process_time()
        await trio.sleep(0.3)
        assert time.process_time() - started < 0.1
