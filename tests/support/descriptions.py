"""Offers as browsers write them, cut down to what matters, and two sides that negotiate without a network."""

from support.virtual_network import SeededEntropy

from triortc.protocol.sdp.description import (
    Direction,
    Fingerprint,
    MediaDescription,
    ParsedDescription,
    SessionDescription,
    parse_description_untrusted,
)
from triortc.protocol.session.codecs import CodecCapability, default_capabilities
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.sections import LocalTransport
from triortc.protocol.session.transceiver import Transceiver

FINGERPRINT = ":".join(["AB"] * 32)
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"

TRANSPORT = (
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789012345678901",
    f"a=fingerprint:sha-256 {FINGERPRINT}",
    "a=setup:actpass",
    "a=rtcp-mux",
)

VP8 = ("a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 goog-remb")
RTX = ("a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96")
OPUS = ("a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1")


def section(line: str, mid: str, *lines: str, direction: str = "recvonly") -> str:
    """Write one media section; *line* is what follows ``m=``."""
    return "\r\n".join((f"m={line}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}", f"a={direction}", *lines, ""))


def video(mid: str = "0", *lines: str, direction: str = "recvonly") -> str:
    codecs = lines or (*VP8, *RTX, f"a=extmap:4 {MID_URI}")
    return section("video 9 UDP/TLS/RTP/SAVPF 96 97", mid, *TRANSPORT, *codecs, direction=direction)


def audio(mid: str = "1", *lines: str, direction: str = "recvonly") -> str:
    codecs = lines or (*OPUS, f"a=extmap:4 {MID_URI}")
    return section("audio 9 UDP/TLS/RTP/SAVPF 111", mid, *TRANSPORT, *codecs, direction=direction)


def application(mid: str = "2") -> str:
    line = "application 9 UDP/DTLS/SCTP webrtc-datachannel"
    return section(line, mid, *TRANSPORT[:-1], "a=sctp-port:5000", direction="sendrecv")


def describe(*sections: str, bundle: str | None = None) -> str:
    """Put media sections under a session part; by default all of them are bundled."""
    if bundle is None:
        mids = [line[6:] for part in sections for line in part.split("\r\n") if line.startswith("a=mid:")]
        bundle = " ".join(mids)
    head = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {bundle}", ""]
    return "\r\n".join(head) + "".join(sections)


def offer(*sections: str, bundle: str | None = None) -> SessionDescription:
    return SessionDescription("offer", describe(*sections, bundle=bundle))


def make_negotiation(seed: int = 0) -> Negotiation:
    transport = LocalTransport(f"ufrag{seed}xyz", "p" * 24, (Fingerprint("sha-256", FINGERPRINT),))
    return Negotiation(transport=transport, entropy=SeededEntropy(seed))


def add_sender(negotiation: Negotiation, kind: str = "video", *capabilities: CodecCapability) -> Transceiver:
    """Add what ``add_track`` adds, but that it does not receive."""
    return negotiation.add_transceiver(
        kind, Direction.SENDONLY, capabilities or default_capabilities(kind), created_by_add_track=True
    )


def add_receiver(
    negotiation: Negotiation, kind: str = "video", *capabilities: CodecCapability
) -> Transceiver:
    return negotiation.add_transceiver(kind, Direction.RECVONLY, capabilities or default_capabilities(kind))


def parse(description: SessionDescription) -> ParsedDescription:
    return parse_description_untrusted(description.sdp)


def answer(negotiation: Negotiation, remote: SessionDescription) -> tuple[MediaDescription, ...]:
    """Take an offer and finish the exchange; return the media sections of the answer."""
    negotiation.set_remote(remote)
    description = negotiation.create_answer()
    negotiation.set_local(description)
    return parse(description).media


def exchange(offerer: Negotiation, answerer: Negotiation) -> tuple[ParsedDescription, ParsedDescription]:
    """Negotiate once; return both descriptions."""
    offered = offerer.create_offer()
    offerer.set_local(offered)
    answerer.set_remote(offered)
    answered = answerer.create_answer()
    answerer.set_local(answered)
    offerer.set_remote(answered)
    return parse(offered), parse(answered)
