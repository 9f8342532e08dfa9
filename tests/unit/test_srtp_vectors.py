"""libsrtp against the RFCs' vectors, by way of a second implementation in 40 lines.

RFC 7714's vectors start at session keys, libsrtp's interface at master keys. So the second
implementation is proved by the vectors of both RFCs, and then the first by the second.
"""

import json

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import AES_CM, GCM, corpus_file

from triortc.protocol.rtp.packet import RtpPacket, serialize_rtp
from triortc.protocol.rtp.srtp import Scratch, SrtpReceiver, SrtpSender
from triortc.protocol.wire.srtp_profile import SrtpProfile

KEY = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139")
SALT = bytes.fromhex("0ec675ad498afeebb6960b3aabe6")
RTP, RTP_SALT, RTCP, RTCP_SALT = 0, 2, 3, 5


def derive(key: bytes, salt: bytes, label: int, size: int) -> bytes:
    """RFC 3711 §4.3, with a key derivation rate of 0."""
    value = int.from_bytes(salt.ljust(14, b"\x00"), "big") ^ label << 48
    nonce = (value << 16).to_bytes(16, "big")
    encryptor = Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor()
    return encryptor.update(bytes(size)) + encryptor.finalize()


def seal(key: bytes, salt: bytes, ssrc: bytes, index: bytes, plain: bytes, open_data: bytes) -> bytes:
    """RFC 7714 §8.1 and §9.1."""
    counter = int.from_bytes(bytes(2) + ssrc + index, "big")
    nonce = (counter ^ int.from_bytes(salt, "big")).to_bytes(12, "big")
    return AESGCM(key).encrypt(nonce, plain, open_data)


def protect(key: bytes, profile: SrtpProfile, packet: bytes) -> bytes:
    """Protect one packet through a scratch, as frames are."""
    scratch = Scratch()
    size = len(packet) + profile.tag_length
    scratch.buffer[: len(packet)] = packet
    assert SrtpSender(key, profile).protect_burst(scratch, 0, size, 1, size) == []
    return bytes(scratch.view[:size])


def test_session_keys_are_derived_as_in_rfc_3711_b_3() -> None:
    assert derive(KEY, SALT, RTP, 16) == bytes.fromhex("c61e7a93744f39ee10734afe3ff7a087")
    assert derive(KEY, SALT, RTP_SALT, 14) == bytes.fromhex("30cbbc08863d8c85d49db34a9ae1")


def test_packets_are_sealed_as_in_rfc_7714_16_1_1() -> None:
    key, salt = bytes(range(16)), b"Quid pro quo"
    header = bytes.fromhex("8040f17b8041f8d35501a0b2")
    sealed = seal(
        key, salt, header[8:], bytes(4) + header[2:4], b"Gallia est omnis divisa in partes tres", header
    )
    assert sealed == bytes.fromhex(
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
        "899d7f27beb16a9152cf765ee4390cce"
    )


@given(st.binary(max_size=1144), st.integers(0, 0x7FFF), st.integers(0, 2**32 - 1))
def test_gcm_packets_are_what_rfc_7714_wants(payload: bytes, sequence: int, ssrc: int) -> None:
    packet = serialize_rtp(RtpPacket(96, sequence, 7, ssrc, payload))
    key, salt = derive(KEY, SALT[:12], RTP, 16), derive(KEY, SALT[:12], RTP_SALT, 12)
    sealed = seal(key, salt, packet[8:12], bytes(4) + packet[2:4], payload, packet[:12])
    assert protect(KEY + SALT[:12], GCM, packet) == packet[:12] + sealed


def test_gcm_reports_are_what_rfc_7714_wants() -> None:
    packet = bytes.fromhex("81c8000bcafebabe") + bytes(range(40))
    key, salt = derive(KEY, SALT[:12], RTCP, 16), derive(KEY, SALT[:12], RTCP_SALT, 12)
    index = bytes.fromhex("80000001")
    sealed = seal(key, salt, packet[4:8], bytes.fromhex("000000000001"), packet[8:], packet[:8] + index)
    assert SrtpSender(KEY + SALT[:12], GCM).protect_rtcp(packet) == packet[:8] + sealed + index


@pytest.mark.parametrize(
    ("name", "profile", "key"),
    [("srtp_validate", AES_CM, KEY + SALT), ("srtp_validate_gcm", GCM, None)],
)
def test_libsrtps_own_pairs(name: str, profile: SrtpProfile, key: bytes | None) -> None:
    pairs = json.loads(corpus_file("srtp/libsrtp_driver.json"))[name]
    key = key or bytes.fromhex("000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab")
    prefix = "srtp" if "srtp_plaintext_ref" in pairs else "rtp"
    rtp, rtcp = (bytes.fromhex(pairs[f"{kind}_plaintext_ref"]) for kind in (prefix, "rtcp"))
    srtp, srtcp = (bytes.fromhex(pairs[f"{kind}_ciphertext"]) for kind in ("srtp", "srtcp"))
    assert protect(key, profile, rtp) == srtp
    assert SrtpSender(key, profile).protect_rtcp(rtcp) == srtcp
    viewer = SrtpReceiver(key, profile)
    assert viewer.unprotect(srtp) == rtp
    assert viewer.unprotect_rtcp(srtcp) == rtcp
