"""``open_relay``: what one peer sends, sent on to others as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from triortc.media.encodings import AV1, G722, H264, PCMA, PCMU, VP8, VP9, Encoding, Opus
from triortc.media.local_track import Feed, LocalTrack, open_fed_track
from triortc.nursery import open_bare_nursery
from triortc.protocol.rtp.frame import ReceivedFrame

from .errors import PeerFailed
from .remote_track import RemoteTrack

_ENCODINGS = {
    encoding.name.lower(): encoding
    for encoding in (VP8(), VP9(), H264(), AV1(), Opus(), PCMU(), PCMA(), G722())
}


@asynccontextmanager
async def open_relay(track: RemoteTrack, *, rid: str | None = None) -> AsyncIterator[LocalTrack]:
    """Make a remote track one that other peers can send; nothing is decoded or encoded.

    ``async with triortc.open_relay(remote) as track: other.add_track(track)``

    The block begins with the track's first frame, which tells its codec, or with its end. The
    relayed track has that encoding alone, and ends with the remote one, however that ends. A
    viewer's wish for a keyframe is passed on to the remote side. Frames of another codec, to
    which the remote side may change, are left out.

    Args:
      track: what to send on.
      rid: which encoding of a simulcast; by default the first one.
    """
    async with track.encoded_frames(rid) as frames:
        first = await _next(frames)
        with open_fed_track(track.kind, [_encoding_of(track, first)]) as (relayed, feed):
            async with open_bare_nursery() as nursery:
                nursery.start_soon(_relay, track, rid, first, frames, feed, name=f"relay {track.id}")
                yield relayed
                nursery.cancel_scope.cancel()


def _encoding_of(track: RemoteTrack, frame: ReceivedFrame | None) -> Encoding:
    codec = track._first_codec if frame is None else frame.codec
    profile = track._parameter_of(codec, "profile-level-id") if codec == "h264" else None
    if profile is not None:
        with suppress(ValueError):  # a level of its own making: the commonest one is offered
            return H264.of_stream(profile, H264().bitrate)
    return _ENCODINGS[codec]


async def _relay(
    track: RemoteTrack,
    rid: str | None,
    frame: ReceivedFrame | None,
    frames: AsyncIterator[ReceivedFrame],
    feed: Feed,
) -> None:
    codec = None if frame is None else frame.codec
    while frame is not None:
        if frame.codec == codec:
            feed.publish(frame)
        if feed.keyframe_wanted(trio.current_time()):
            track.request_keyframe(rid)
        frame = await _next(frames)
    feed.finish()


async def _next(frames: AsyncIterator[ReceivedFrame]) -> ReceivedFrame | None:
    """Return the next frame, None at the end, which a failure is as well: the peer's holder hears of it."""
    try:
        return await anext(frames, None)
    except PeerFailed:
        return None
