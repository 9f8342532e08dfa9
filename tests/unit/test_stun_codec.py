"""STUN messages through our door: RFC 5769's vectors, round trips, and what is refused."""

import random  # noqa: TID251 - a fuzzer that can be replayed
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.ice import stun
from triortc.protocol.wire.errors import Malformed

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
    "c1b571a280280004e57a3bcf"
)
IPV4_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
IPV6_RESPONSE = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa"
    "a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
CORPUS = Path(__file__).parents[3] / "shared/corpus/stun"

identities = st.binary(min_size=12, max_size=12)
keys = st.binary(min_size=1, max_size=64)
ice_strings = st.text("abcXYZ019+/", min_size=4, max_size=32)
hosts = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


def make_check(**changes: object) -> bytes:
    arguments = {
        "username": "evtj:h6vY",
        "key": PASSWORD,
        "priority": 1845494271,
        "controlling": True,
        "tie_breaker": 7,
        "nominate": False,
    }
    return stun.connectivity_check(b"123456789012", **(arguments | changes))


def test_rfc_5769_section_2_1_a_request() -> None:
    message = stun.parse_stun_untrusted(REQUEST)
    assert message.is_request
    assert message.is_authentic(PASSWORD)
    assert message.has_fingerprint
    assert message.username == "evtj:h6vY"
    assert message.priority == 0x6E0001FF
    assert message.controlled == 0x932FF9B151263B36
    assert message.controlling is None
    assert not message.nominates
    assert stun.peek_username_untrusted(REQUEST) == "evtj"


@pytest.mark.parametrize(
    ("data", "mapped"),
    [
        (IPV4_RESPONSE, ("192.0.2.1", 32853)),
        (IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_rfc_5769_sections_2_2_and_2_3_responses(data: bytes, mapped: tuple[str, int]) -> None:
    message = stun.parse_stun_untrusted(data)
    assert message.is_success
    assert message.is_authentic(PASSWORD)
    assert message.has_fingerprint
    assert message.mapped_address == mapped
    assert message.transaction_id == stun.transaction_id(data)


@pytest.mark.parametrize("data", [REQUEST, IPV4_RESPONSE, IPV6_RESPONSE])
def test_every_changed_bit_is_noticed(data: bytes) -> None:
    for position in range(len(data) * 8):
        forged = bytearray(data)
        forged[position // 8] ^= 1 << position % 8
        try:
            message = stun.parse_stun_untrusted(bytes(forged))
        except Malformed:
            continue
        assert not (message.has_fingerprint and message.is_authentic(PASSWORD))


def test_what_follows_the_integrity_is_not_believed() -> None:
    import aioice.stun

    message = aioice.stun.parse_message(make_check())
    del message.attributes["FINGERPRINT"]
    message.attributes["USE-CANDIDATE"] = None
    message.add_fingerprint()
    parsed = stun.parse_stun_untrusted(bytes(message))
    assert parsed.is_authentic(PASSWORD)
    assert not parsed.nominates


def test_without_integrity_nothing_is_authentic() -> None:
    for data in (stun.binding_request(b"1" * 12), stun.binding_success(b"1" * 12, ("10.0.0.1", 9), None)):
        message = stun.parse_stun_untrusted(data)
        assert message.has_fingerprint
        assert not message.is_authentic(b"")
        assert not message.is_authentic(PASSWORD)


def test_our_encoding_is_the_codecs_own() -> None:
    import aioice.stun

    message = aioice.stun.parse_message(make_check(nominate=True))
    message.add_message_integrity(PASSWORD)
    assert bytes(message) == make_check(nominate=True)


@given(
    identities,
    ice_strings,
    ice_strings,
    keys,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.booleans(),
)
def test_a_check_comes_through_as_it_was_made(
    identity: bytes,
    ours: str,
    theirs: str,
    key: bytes,
    priority: int,
    tie: int,
    controlling: bool,
    nominate: bool,
) -> None:
    username = f"{theirs}:{ours}"
    data = stun.connectivity_check(
        identity,
        username=username,
        key=key,
        priority=priority,
        controlling=controlling,
        tie_breaker=tie,
        nominate=nominate,
    )
    message = stun.parse_stun_untrusted(data)
    assert stun.is_stun(data)
    assert stun.message_is_request(data)
    assert stun.peek_username_untrusted(data) == theirs
    assert message.transaction_id == stun.transaction_id(data) == identity
    assert message.is_authentic(key)
    assert (message.username, message.priority, message.nominates) == (username, priority, nominate)
    assert (message.controlling, message.controlled) == ((tie, None) if controlling else (None, tie))


@given(identities, hosts, st.integers(0, 65535), keys)
def test_answers_come_through_as_they_were_made(identity: bytes, host: str, port: int, key: bytes) -> None:
    success = stun.parse_stun_untrusted(stun.binding_success(identity, (host, port), key))
    assert success.is_success
    assert success.is_authentic(key)
    assert success.mapped_address == (host, port)
    conflict = stun.parse_stun_untrusted(stun.role_conflict(identity, key))
    assert conflict.is_error
    assert conflict.is_authentic(key)
    assert conflict.error_code == stun.ROLE_CONFLICT


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_malformed(data: bytes) -> None:
    header = struct.pack("!HHI12s", 1, len(data), 0x2112A442, b"1" * 12)
    for datagram in (data, header + data):
        stun.is_stun(datagram)
        stun.peek_username_untrusted(datagram)
        try:
            stun.parse_stun_untrusted(datagram)
        except Malformed:
            pass


def mutated(seeds: list[bytes], count: int) -> list[bytes]:
    dice = random.Random(5)
    found = []
    for _ in range(count):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 5)):
            position = dice.randrange(len(data))
            change = dice.random()
            if change < 0.7:
                data[position] = dice.randrange(256)
            elif change < 0.85 and position:
                del data[position:]
            else:
                data[position:position] = dice.randbytes(4 * dice.randrange(4))
        if len(data) >= 20 and dice.random() < 0.8:
            data[2:4] = struct.pack("!H", len(data) - 20)
            data[4:8] = b"\x21\x12\xa4\x42"
        found.append(bytes(data))
    return found


def test_40_000_mutated_packets_are_parsed_or_malformed() -> None:
    seeds = [
        REQUEST,
        IPV4_RESPONSE,
        IPV6_RESPONSE,
        make_check(nominate=True),
        stun.role_conflict(b"1" * 12, b"k"),
    ]
    forged = 0
    for data in mutated(seeds, 40_000):
        stun.peek_username_untrusted(data)
        try:
            message = stun.parse_stun_untrusted(data)
        except Malformed:
            continue
        authentic = message.is_authentic(PASSWORD) or message.is_authentic(b"k")
        forged += authentic and message.has_fingerprint and data not in seeds
    assert forged == 0


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared corpus is not here")
def test_the_corpus_is_parsed_or_malformed() -> None:
    parsed = 0
    for path in CORPUS.iterdir():
        try:
            stun.parse_stun_untrusted(path.read_bytes())
            parsed += 1
        except Malformed:
            pass
    assert parsed >= 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST[:19],
        REQUEST + b"\0",
        REQUEST + bytes(4),
        b"\x40" + REQUEST[1:],
        REQUEST[:4] + bytes(4) + REQUEST[8:],
        struct.pack("!HHI12s", 1, 2032, 0x2112A442, b"1" * 12) + b"\x80\x99\x07\xec" + bytes(2028),
        struct.pack("!HHI12s", 3, 0, 0x2112A442, b"1" * 12),
        struct.pack("!HHI12s", 0x0ABC, 0, 0x2112A442, b"1" * 12),
    ],
    ids=["empty", "short", "odd", "long", "first byte", "cookie", "huge", "allocate", "unknown method"],
)
def test_what_is_no_binding_message_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        stun.parse_stun_untrusted(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", None),
        (REQUEST[:60], None),
        (IPV4_RESPONSE, None),
        (stun.binding_request(b"1" * 12), None),
        (make_check(username="nobody"), None),
        (make_check(username=":x"), ""),
        (make_check(username="ü:x"), None),
        (make_check(username="a:b:c"), "a"),
    ],
)
def test_whom_a_packet_is_for_is_seen_without_the_codec(data: bytes, name: str | None) -> None:
    assert stun.peek_username_untrusted(data) == name
    assert stun.peek_username_untrusted(memoryview(data)) == name
