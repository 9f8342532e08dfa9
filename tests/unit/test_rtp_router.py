from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_receiving import (
    AUDIO,
    AUDIO_SSRC,
    MID_ID,
    OPUS,
    REPAIRED_RID_ID,
    RID_ID,
    RTX_SSRC,
    SIMULCAST,
    SSRC,
    VIDEO,
    VP8,
    VP8_RTX,
)

from triortc.protocol.rtp.extensions import serialize_extensions
from triortc.protocol.rtp.router import MAX_SSRCS, Router
from triortc.protocol.wire.errors import Malformed

STRANGER = 0xABCD


def router(*sections: object) -> Router:
    it = Router()
    it.configure(sections or (VIDEO, AUDIO))  # type: ignore[arg-type]
    return it


def block(**names: str) -> bytes:
    ids = {"mid": MID_ID, "rid": RID_ID, "repaired": REPAIRED_RID_ID}
    return serialize_extensions([(ids[name], value.encode()) for name, value in names.items()])


def where(it: Router, ssrc: int, payload_type: int, extensions: bytes = b"") -> tuple[object, ...] | None:
    route = it.route_untrusted(ssrc, payload_type, extensions)
    return None if route is None else (route.section.mid, route.rid, route.repairs)


def test_the_mid_tells_and_is_remembered() -> None:
    it = router(replace(VIDEO, ssrcs=()), replace(VIDEO, mid="w", ssrcs=()))
    assert where(it, STRANGER, VP8) is None
    assert where(it, STRANGER, VP8, block(mid="w")) == ("w", None, None)
    assert where(it, STRANGER, VP8) == ("w", None, None)


def test_a_later_mid_moves_the_stream() -> None:
    it = router(replace(VIDEO, ssrcs=()), replace(VIDEO, mid="w", ssrcs=()))
    assert where(it, STRANGER, VP8, block(mid="w")) == ("w", None, None)
    assert where(it, STRANGER, VP8, block(mid="v")) == ("v", None, None)
    assert where(it, STRANGER, VP8) == ("v", None, None)


def test_an_unknown_mid_is_nobodys_whatever_else_would_tell() -> None:
    assert where(router(), SSRC, VP8, block(mid="nobody")) is None


def test_a_declared_ssrc_tells() -> None:
    it = router(VIDEO, replace(VIDEO, mid="w", ssrcs=((STRANGER, None),)))
    assert where(it, STRANGER, VP8) == ("w", None, None)
    assert where(it, SSRC, VP8) == ("v", None, None)
    assert where(it, RTX_SSRC, VP8_RTX) == ("v", None, SSRC)


def test_a_payload_type_of_one_section_alone_tells() -> None:
    assert where(router(), STRANGER, OPUS) == ("a", None, None)
    assert where(router(), STRANGER, VP8) == ("v", None, None)
    assert where(router(), STRANGER, 126) is None


def test_a_payload_type_that_the_section_does_not_have_is_nobodys() -> None:
    assert where(router(), AUDIO_SSRC, VP8) is None
    assert where(router(), STRANGER, VP8, block(mid="a")) is None


def test_the_rid_tells_the_layer_and_is_remembered() -> None:
    it = router(SIMULCAST)
    assert where(it, 1, VP8, block(mid="s")) is None
    assert where(it, 1, VP8, block(mid="s", rid="h")) == ("s", "h", None)
    assert where(it, 1, VP8, block(mid="s")) == ("s", "h", None)
    assert where(it, 1, VP8) == ("s", "h", None)
    assert where(it, 2, VP8, block(rid="x")) is None


def test_the_repaired_rid_tells_what_is_retransmitted() -> None:
    it = router(SIMULCAST)
    assert where(it, 2, VP8_RTX, block(mid="s", rid="h")) is None
    assert where(it, 2, VP8_RTX, block(mid="s", repaired="h")) == ("s", "h", 0)
    assert where(it, 2, VP8_RTX) == ("s", "h", 0)


def test_one_ssrc_may_change_between_media_and_retransmission() -> None:
    it = router(replace(VIDEO, ssrcs=()))
    assert where(it, STRANGER, VP8_RTX) == ("v", None, 0)
    assert where(it, STRANGER, VP8) == ("v", None, None)


def test_only_so_many_streams_are_remembered() -> None:
    it = router(replace(VIDEO, ssrcs=()), replace(VIDEO, mid="w", ssrcs=()))
    for ssrc in range(10 * MAX_SSRCS):
        assert where(it, ssrc, VP8, block(mid="w")) == ("w", None, None)
    assert len(it._routes) == MAX_SSRCS
    assert where(it, 0, VP8) is None
    assert where(it, 10 * MAX_SSRCS - 1, VP8) == ("w", None, None)


def test_what_is_negotiated_away_is_forgotten() -> None:
    it = router(replace(VIDEO, ssrcs=()), replace(VIDEO, mid="w", ssrcs=()))
    where(it, STRANGER, VP8, block(mid="w"))
    it.configure([replace(VIDEO, ssrcs=())])
    assert where(it, STRANGER, VP8) == ("v", None, None)
    it.forget(STRANGER)
    assert where(it, STRANGER, VP8) == ("v", None, None)


@given(
    st.integers(0, 3),
    st.integers(90, 115),
    st.binary(max_size=40) | st.binary(max_size=30).map(lambda b: b"\xbe\xde" + b),
)
def test_any_extensions_are_routed_or_malformed(ssrc: int, payload_type: int, extensions: bytes) -> None:
    it = router(VIDEO, AUDIO, SIMULCAST)
    try:
        it.route_untrusted(ssrc, payload_type, extensions)
    except Malformed:
        pass


@pytest.mark.parametrize("name", ["\xff", "v" * 40])
def test_a_name_that_is_none_is_nobodys(name: str) -> None:
    extensions = serialize_extensions([(MID_ID, name.encode("latin-1"))])
    assert where(router(), SSRC, VP8, extensions) is None
