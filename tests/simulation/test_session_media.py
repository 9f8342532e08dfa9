"""Frames, feedback and reports between two connected sessions."""

import pytest
from support.calls import (
    connect,
    make_call,
    make_frame,
    receive_stream,
    send_feedback,
    send_frames,
    send_stream,
)

from triortc.protocol.rtp.packet import parse_rtp_untrusted
from triortc.protocol.rtp.rtcp_feedback import FullIntraRequest, GenericNack, PictureLossIndication
from triortc.protocol.session.events import KeyframeRequested
from triortc.protocol.session.session import Session
from triortc.protocol.session.stats_gathering import gather_stats


class Listener:
    """Stands in for an SRTP receiver, and keeps what comes out of it."""

    def __init__(self, session: Session) -> None:
        self.receiver = session.media.receiver
        self.packets = []
        session.media.receiver = self

    def unprotect(self, packet: bytes) -> bytes | None:
        plain = self.receiver.unprotect(packet)
        if plain is not None:
            self.packets.append(parse_rtp_untrusted(plain))
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        return self.receiver.unprotect_rtcp(packet)


def test_frames_arrive_decrypted_and_counted():
    pair = connect()
    listener = Listener(pair.bob)
    send_frames(pair, 10)
    payloads = [bytes(packet.payload) for packet in listener.packets]
    assert payloads == [bytes(payload) for number in range(10) for payload in make_frame(number).payloads]
    assert [packet.marker for packet in listener.packets] == [False, False, True] * 10
    received, sent = receive_stream(pair), send_stream(pair)
    assert received.packets_received == sent.packets_sent == 30
    assert (received.packets_lost, sent.frames_sent, sent.key_frames_sent) == (0, 10, 1)


def test_audio_and_video_have_streams_of_their_own():
    pair = connect()
    send_frames(pair, 4, mid="0", packets=1)
    send_frames(pair, 4, mid="1")
    assert receive_stream(pair, "0").packets_received == 4
    assert receive_stream(pair, "1").packets_received == 12


def test_a_frame_before_the_connection_is_counted_and_not_sent():
    pair = make_call()
    pair.alice.send_frame("1", make_frame(0))
    assert pair.alice.counters.frames_before_connected == 1
    assert pair.run_until(lambda: pair.connected, limit=10)
    sent = len(pair.ends[0].sent)
    pair.alice.send_frame("no-such-section", make_frame(0))
    pair.drain()
    assert len(pair.ends[0].sent) == sent


def test_a_nack_brings_the_lost_packets_again():
    pair = connect()
    listener = Listener(pair.bob)
    frame = make_frame(int(pair.now * 30))
    pair.blocked = True
    pair.alice.send_frame("1", frame)
    pair.drain()
    pair.blocked = False
    sent = send_stream(pair)
    first = sent._headers.next_sequence - 3
    send_feedback(pair, GenericNack(1, sent.ssrc, tuple(n & 0xFFFF for n in range(first, first + 3))))
    pair.run_for(2 * pair.delay)
    assert [packet.ssrc for packet in listener.packets] == [sent.rtx_ssrc] * 3
    assert [bytes(packet.payload[2:]) for packet in listener.packets] == [
        bytes(payload) for payload in frame.payloads
    ]
    original = [int.from_bytes(packet.payload[:2], "big") for packet in listener.packets]
    assert original == [first, first + 1, first + 2]
    assert (sent.nack_count, sent.retransmitted_packets_sent) == (1, 3)


def test_a_nack_for_a_strange_stream_is_counted():
    pair = connect()
    send_frames(pair, 1)
    send_feedback(pair, GenericNack(1, 0xDEAD, (1, 2)), PictureLossIndication(1, 0xDEAD))
    send_feedback(pair, FullIntraRequest(1, ((0xDEAD, 1),)))
    assert pair.alice.media.counters.unknown_streams == 3
    assert not pair.ends[0].seen(KeyframeRequested)


def test_picture_loss_asks_for_a_keyframe_each_time():
    pair = connect()
    for _ in range(2):
        send_feedback(pair, PictureLossIndication(1, send_stream(pair).ssrc))
    assert pair.ends[0].seen(KeyframeRequested) == [KeyframeRequested("1")] * 2
    assert send_stream(pair).pli_count == 2


def test_a_repeated_full_intra_request_is_the_same_request():
    pair = connect()
    ssrc = send_stream(pair).ssrc
    for number in (7, 7, 7, 8, 8):
        send_feedback(pair, FullIntraRequest(1, ((ssrc, number),)))
    assert pair.ends[0].seen(KeyframeRequested) == [KeyframeRequested("1")] * 2
    assert send_stream(pair).fir_count == 2


def test_reports_measure_the_round_trip():
    pair = connect(delay=0.1)
    send_frames(pair, 90)
    sent = send_stream(pair)
    assert sent.round_trip_time_measurements > 0
    assert sent.round_trip_time == pytest.approx(0.2, abs=0.002)
    assert sent.remote_packets_lost == 0


def test_reports_tell_of_loss():
    pair = connect(delay=0.02)
    pair.loss = 0.2
    send_frames(pair, 120)
    pair.loss = 0.0
    send_frames(pair, 60)
    sent, received = send_stream(pair), receive_stream(pair)
    assert sent.remote_packets_lost > 30
    assert received.packets_lost == pytest.approx(sent.remote_packets_lost, abs=2)


def test_lost_and_repeated_packets_are_not_counted_twice():
    pair = connect(duplicate=0.0)
    pair.duplicate = 1.0
    send_frames(pair, 10)
    assert receive_stream(pair).packets_received == 30
    assert pair.bob.media.receiver.replayed >= 30


def test_statistics_are_the_browsers():
    pair = connect(delay=0.1)
    send_frames(pair, 90)
    sender = {stats.type: stats.as_w3c(0.0) for stats in gather_stats(pair.alice)}
    assert {"transport", "outbound-rtp", "remote-inbound-rtp", "codec", "candidate-pair"} <= set(sender)
    assert sender["outbound-rtp"]["packetsSent"] == 270
    assert sender["outbound-rtp"]["remoteId"] == sender["remote-inbound-rtp"]["id"]
    assert sender["outbound-rtp"]["codecId"] == sender["codec"]["id"]
    assert sender["transport"]["selectedCandidatePairId"] == sender["candidate-pair"]["id"]
    viewer = {stats.type: stats.as_w3c(0.0) for stats in gather_stats(pair.bob)}
    assert viewer["inbound-rtp"]["packetsReceived"] == 270
    assert viewer["transport"]["dtlsState"] == "connected"
