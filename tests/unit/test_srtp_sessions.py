import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import AES_CM, GCM, Line, corpus, frame_of

from triortc.protocol.rtp import srtp
from triortc.protocol.rtp.packet import RtpPacket, serialize_rtp
from triortc.protocol.rtp.rtcp_feedback import PictureLossIndication
from triortc.protocol.rtp.srtp import MAX_SSRCS, REPLAY_WINDOW, Scratch, SrtpReceiver, SrtpSender
from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.srtp_profile import SrtpProfile

PROFILES = [GCM, AES_CM]


@pytest.fixture(params=["in place", "copying"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With pylibsrtp's private context, and without."""
    if request.param == "copying":
        monkeypatch.setattr(srtp, "find_context", lambda session: None)
    return str(request.param)


def sender_and_receiver(profile: SrtpProfile) -> tuple[SrtpSender, SrtpReceiver]:
    key = bytes(range(profile.key_length + profile.salt_length))
    return SrtpSender(key, profile), SrtpReceiver(key, profile)


def protect(sender: SrtpSender, sequence: int, ssrc: int = 1, payload: bytes = b"payload") -> bytes:
    packet = serialize_rtp(RtpPacket(96, sequence, 0, ssrc, payload))
    scratch = Scratch()
    size = len(packet) + sender.tag_length
    scratch.buffer[: len(packet)] = packet
    assert sender.protect_burst(scratch, 0, size, 1, size) == []
    return bytes(scratch.view[:size])


@pytest.mark.parametrize("profile", PROFILES)
def test_a_frame_arrives(way: str, profile: SrtpProfile) -> None:
    line = Line(profile=profile)
    frame = frame_of([1100, 1100, 30])
    assert [packet.payload for packet in line.send(frame)] == list(frame.payloads)


def test_both_ways_protect_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of([1100, 1100, 30])
    in_place = Line().write(frame)
    monkeypatch.setattr(srtp, "find_context", lambda session: None)
    assert Line().write(frame) == in_place


@pytest.mark.parametrize("profile", PROFILES)
def test_a_replayed_packet_is_counted_as_such(way: str, profile: SrtpProfile) -> None:
    sender, receiver = sender_and_receiver(profile)
    packet = protect(sender, 1)
    assert receiver.unprotect(packet) is not None
    assert receiver.unprotect(packet) is None
    assert (receiver.replayed, receiver.unauthenticated) == (1, 0)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_forged_packet_is_counted_as_such(way: str, profile: SrtpProfile) -> None:
    sender, receiver = sender_and_receiver(profile)
    packet = bytearray(protect(sender, 1))
    packet[-1] ^= 1
    assert receiver.unprotect(bytes(packet)) is None
    assert (receiver.replayed, receiver.unauthenticated) == (0, 1)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_report_arrives_once(way: str, profile: SrtpProfile) -> None:
    sender, receiver = sender_and_receiver(profile)
    packet = PictureLossIndication(1, 2).serialize()
    protected = sender.protect_rtcp(packet)
    assert receiver.unprotect_rtcp(protected) == packet
    assert receiver.unprotect_rtcp(protected) is None
    assert receiver.unprotect_rtcp(sender.protect_rtcp(packet)[:-1] + b"\xff") is None
    assert (receiver.replayed, receiver.unauthenticated) == (1, 1)


@pytest.mark.parametrize("size", [0, 1, 11, 12, 27, 2048, 2049, 65_507])
def test_a_packet_of_any_length_is_refused_quietly(way: str, size: int) -> None:
    _, receiver = sender_and_receiver(GCM)
    assert receiver.unprotect(b"\x80" * size) is None
    assert receiver.unprotect_rtcp(b"\x80" * size) is None
    assert receiver.unauthenticated == 2


@given(st.binary(max_size=100), st.sampled_from(PROFILES))
def test_any_bytes_are_refused_quietly(data: bytes, profile: SrtpProfile) -> None:
    _, receiver = sender_and_receiver(profile)
    assert receiver.unprotect(data) is None
    assert receiver.unprotect_rtcp(data) is None


@pytest.mark.parametrize("profile", PROFILES)
def test_the_corpus_is_refused_quietly_and_harms_nothing(way: str, profile: SrtpProfile) -> None:
    sender, receiver = sender_and_receiver(profile)
    for path in corpus("srtp/fuzz"):
        assert receiver.unprotect(path.read_bytes()) is None
        assert receiver.unprotect_rtcp(path.read_bytes()) is None
    assert receiver.unprotect(protect(sender, 1)) is not None


def test_a_late_packet_within_the_window_is_accepted() -> None:
    sender, receiver = sender_and_receiver(GCM)
    packets = [protect(sender, sequence) for sequence in range(REPLAY_WINDOW + 1)]
    assert receiver.unprotect(packets[-1]) is not None
    assert receiver.unprotect(packets[1]) is not None
    assert receiver.unprotect(packets[0]) is None
    assert receiver.replayed == 1


def test_sequence_numbers_wrap() -> None:
    sender, receiver = sender_and_receiver(GCM)
    for sequence in (65_534, 65_535, 0, 1):
        assert receiver.unprotect(protect(sender, sequence)) is not None


@pytest.mark.parametrize("profile", PROFILES)
def test_only_so_many_streams_are_kept_and_the_silent_one_goes(way: str, profile: SrtpProfile) -> None:
    sender, receiver = sender_and_receiver(profile)
    first = [protect(sender, 1, ssrc) for ssrc in range(MAX_SSRCS + 1)]
    for packet in first[:MAX_SSRCS]:
        assert receiver.unprotect(packet) is not None
    assert receiver.unprotect(protect(sender, 2, ssrc=0)) is not None  # heard again: 1 is the silent one now
    assert receiver.unprotect(first[MAX_SSRCS]) is not None
    assert receiver.unprotect(first[0]) is None
    assert receiver.unprotect(protect(sender, 2, ssrc=1)) is not None  # it comes back as a new stream


def test_a_report_too_long_to_protect_is_our_own_fault() -> None:
    sender, _ = sender_and_receiver(GCM)
    with pytest.raises(LocalProtocolError):
        sender.protect_rtcp(bytes(1500))
    with pytest.raises(LocalProtocolError):
        sender.protect_rtcp(b"")


def test_the_failed_packets_of_a_burst_are_named(way: str) -> None:
    sender, _ = sender_and_receiver(GCM)
    protect(sender, 11)
    scratch = Scratch()
    for index in range(4):
        packet = serialize_rtp(RtpPacket(96, 10 + index, 0, 1, bytes(12)))
        scratch.buffer[index * 40 : index * 40 + 24] = packet
    assert sender.protect_burst(scratch, 0, 40, 4, 40) == [1]


def test_a_scratch_without_room_gives_a_fresh_one() -> None:
    scratch = Scratch(1000)
    assert scratch.with_room(1000) is scratch
    scratch.used = 1
    fresh = scratch.with_room(1000)
    assert fresh is not scratch
    assert (len(fresh.buffer), fresh.used) == (1000, 0)
    scratch.clear()
    assert scratch.with_room(1000) is scratch
