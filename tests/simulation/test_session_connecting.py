"""Two sessions find each other over bad lines, and the same seed tells the same story."""

import hashlib
from types import SimpleNamespace

import pytest
from support.calls import add_media, connect, make_call, make_frame, send_frames, send_stream
from support.session_pair import ADDRESSES, START, SessionPair

from triortc.protocol.dtls.transport import DtlsState, DtlsTransport
from triortc.protocol.ice.agent import IceRole
from triortc.protocol.ice.figures import PairFigures
from triortc.protocol.sdp.description import parse_description_untrusted, serialize_description
from triortc.protocol.session.demux import DatagramKind, classify_untrusted
from triortc.protocol.session.events import (
    AddressChecked,
    CloseReason,
    ConnectionState,
    ConnectionStateChanged,
    LocalCandidateFound,
)
from triortc.protocol.wire.srtp_profile import SrtpProfile

LINES = {
    "10 % loss": {"loss": 0.1, "delay": 0.03},
    "20 % loss": {"loss": 0.2, "delay": 0.05, "jitter": 0.02},
    "30 % loss": {"loss": 0.3, "delay": 0.03, "jitter": 0.05},
    "reordering": {"loss": 0.1, "delay": 0.01, "jitter": 0.2},
    "duplicates": {"loss": 0.1, "delay": 0.05, "jitter": 0.05, "duplicate": 0.5},
    "a long way": {"loss": 0.1, "delay": 0.2, "jitter": 0.05},
    "a satellite": {"delay": 0.4, "jitter": 0.02},
}
SEEDS = 30


@pytest.mark.parametrize("name", LINES)
def test_every_call_connects_on_a_bad_line(name, measured):
    times = []
    for seed in range(SEEDS):
        pair = make_call(seed, **LINES[name])
        assert pair.run_until(lambda pair=pair: pair.connected, limit=30), f"seed {seed}"
        times.append(pair.now - START)
    times.sort()
    measured(f"{SEEDS} calls, median {times[SEEDS // 2]:.2f} s, worst {times[-1]:.2f} s (virtual)")


def test_on_a_good_line_media_may_flow_after_a_few_round_trips():
    pair = connect(delay=0.02)
    assert pair.now - START < 8 * 0.04


def test_each_state_is_told_once_and_in_order():
    pair = connect()
    for end in pair.ends:
        states = [event.state for event in end.seen(ConnectionStateChanged)]
        assert states == [ConnectionState.CONNECTING, ConnectionState.CONNECTED]
    assert (pair.alice.ice.role, pair.bob.ice.role) == (IceRole.CONTROLLING, IceRole.CONTROLLED)
    assert AddressChecked(*ADDRESSES) in pair.ends[0].events
    assert pair.ends[0].seen(LocalCandidateFound)[-1] == LocalCandidateFound(None)


def trace(seed: int) -> str:
    """Return a digest of what was sent, and when; of DTLS only that it was sent, as its bytes differ."""
    pair = make_call(seed, loss=0.15, delay=0.03, jitter=0.03, duplicate=0.05)
    story = hashlib.sha256()
    told = [0, 0]

    def tell() -> None:
        for index, end in enumerate(pair.ends):
            for datagram, remote in end.sent[told[index] :]:
                kind = classify_untrusted(datagram)
                size = 0 if kind is DatagramKind.DTLS else len(datagram)
                story.update(f"{pair.now:.6f} {index} {kind.value} {size} {remote}\n".encode())
            told[index] = len(end.sent)

    while pair.now < START + 8 and pair.step(START + 8):
        if pair.connected and not send_stream(pair).frames_sent:
            pair.alice.send_frame("1", make_frame(0))
            pair.drain()
        tell()
    return story.hexdigest()


def test_the_same_seed_tells_the_same_story():
    first = [trace(seed) for seed in range(4)]
    assert [trace(seed) for seed in range(4)] == first
    assert len(set(first)) == 4


@pytest.fixture
def old_bob(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is the DTLS server knows AES-CM alone."""
    prepare = DtlsTransport.__init__

    def prepare_old(self: DtlsTransport, **options: object) -> None:
        if options["role"].value == "server":
            options["srtp_profiles"] = (SrtpProfile.AES_CM_128_HMAC_SHA1_80,)
        prepare(self, **options)

    monkeypatch.setattr(DtlsTransport, "__init__", prepare_old)


@pytest.mark.usefixtures("old_bob")
def test_a_side_without_gcm_gets_aes_cm():
    pair = connect()
    assert pair.alice.media.profile is pair.bob.media.profile is SrtpProfile.AES_CM_128_HMAC_SHA1_80
    send_frames(pair, 5)
    assert [stream.packets_received for stream in pair.bob.media.receive_streams.values()] == [15]


def test_gcm_is_preferred():
    pair = connect()
    assert pair.alice.media.profile is pair.bob.media.profile is SrtpProfile.AEAD_AES_128_GCM


def renegotiate(pair: SessionPair) -> None:
    pair.alice.set_local_description(pair.alice.create_offer(), pair.now)
    pair.bob.set_remote_description(pair.alice.local_description, pair.now)
    pair.bob.set_local_description(pair.bob.create_answer(), pair.now)
    pair.alice.set_remote_description(pair.bob.local_description, pair.now)
    pair.drain()


def test_an_added_track_keeps_the_transport():
    pair = connect(0, "audio")
    before = [(end.session.dtls, end.session.ice.selected_pair, len(end.sent)) for end in pair.ends]
    add_media(pair, "video")
    renegotiate(pair)
    send_frames(pair, 3)
    for end, (dtls, selected, sent) in zip(pair.ends, before, strict=True):
        assert end.session.dtls is dtls
        assert end.session.ice.selected_pair is selected
        assert end.session.connection_state is ConnectionState.CONNECTED
        later = {classify_untrusted(datagram) for datagram, _ in end.sent[sent:]}
        assert DatagramKind.DTLS not in later
    assert [stream.packets_received for stream in pair.bob.media.receive_streams.values()] == [9]


def test_both_descriptions_survive_being_parsed_and_written():
    pair = connect()
    for end in pair.ends:
        text = end.session.local_description.sdp
        assert serialize_description(parse_description_untrusted(text)) == text
        assert "a=candidate:" in text
        assert "a=end-of-candidates" in text


def test_a_client_hello_that_comes_before_a_pair_is_held_and_used():
    pair = make_call()
    held = []
    receive = pair.alice._receive_dtls

    def watch(data: bytes, now: float) -> None:
        receive(data, now)
        held.append(len(pair.alice._held))

    pair.alice._receive_dtls = watch
    early = [b"\x16\xfe\xfd" + bytes(10)] * 6
    # Bob's side: the address has been checked, but no pair is valid yet.
    pair.alice.ice.find_checked = lambda local, remote: SimpleNamespace(figures=PairFigures())
    for data in early:
        pair.alice.receive_datagram(data, *ADDRESSES, pair.now)
    assert held == [1, 2, 3, 4, 4, 4]
    assert pair.alice.counters.not_held == 2
    assert pair.run_until(lambda: pair.connected, limit=30)
    assert pair.alice._held == []
    assert pair.alice.dtls.counters.datagrams_received >= 4


def test_a_wrong_fingerprint_fails_the_side_that_checks_and_no_media_flows():
    pair = SessionPair()
    for kind in ("audio", "video"):
        add_media(pair, kind)
    pair.gather(pair.ends[0], pair.alice.create_offer)
    offer = pair.alice.local_description
    sdp = offer.sdp
    start = sdp.index("a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
    true = sdp[start : start + 95]
    pair.bob.set_remote_description(type(offer)("offer", sdp.replace(true, ":".join(["AB"] * 32))), pair.now)
    pair.gather(pair.ends[1], pair.bob.create_answer)
    pair.alice.set_remote_description(pair.bob.local_description, pair.now)
    pair.drain()
    assert pair.run_until(lambda: pair.bob.ended is not None, limit=10)
    assert pair.bob.ended.reason is CloseReason.DTLS_FAILED
    assert "fingerprint" in pair.bob.ended.detail
    assert pair.bob.dtls.state is DtlsState.FAILED
    pair.alice.send_frame("1", make_frame(0))
    assert pair.run_until(lambda: pair.alice.ended is not None, limit=60)
    assert pair.alice.ended.reason.is_failure
    assert not pair.bob.media.started
    kinds = {classify_untrusted(datagram) for end in pair.ends for datagram, _ in end.sent}
    assert kinds == {DatagramKind.STUN, DatagramKind.DTLS}
