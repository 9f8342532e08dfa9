"""Encoders are reported by what they do, not by what FFmpeg lists."""

import dataclasses

import pytest

from triortc.media.encoder_probe import EncoderReport, probe_encoder, probe_encoders
from triortc.media.encodings import H264, VP8
from triortc.media.open import open_media
from triortc.media.source import MediaError, TestPattern

pytestmark = pytest.mark.realtime

SOFTWARE = {"libvpx", "libvpx-vp9", "libx264", "libsvtav1", "libopus", "g722", "pcm_mulaw", "pcm_alaw"}


async def test_what_software_encodes_works_everywhere() -> None:
    reports = await probe_encoders()
    assert {report.name for report in reports if report.available} >= SOFTWARE
    assert len({report.name for report in reports}) == len(reports)


async def test_what_does_not_work_says_why_in_one_line() -> None:
    for report in await probe_encoders():
        assert report.available is not bool(report.reason)
        assert "\n" not in report.reason


def test_an_encoder_that_ffmpeg_lacks_is_reported() -> None:
    encoding = dataclasses.replace(VP8(), encoder="libnothing")
    reason = "cannot encode VP8: this FFmpeg has no libnothing"
    assert probe_encoder(encoding) == EncoderReport("libnothing", "VP8", False, reason)


@pytest.mark.parametrize("encoder", ["h264_nvenc", "h264_qsv", "h264_amf", "h264_v4l2m2m"])
async def test_hardware_that_does_not_work_is_known_before_the_body(encoder: str) -> None:
    encoding = H264(encoder=encoder)
    report = probe_encoder(encoding)
    if report.available:
        pytest.skip(f"{encoder} works here")
    with pytest.raises(MediaError) as caught:
        async with open_media(TestPattern(), video=encoding):
            pytest.fail("the body ran")
    assert str(caught.value) == report.reason
    assert report.reason.startswith(f"cannot encode H264 by {encoder}: it needs ")
