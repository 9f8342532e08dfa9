from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import frame_of

from triortc.protocol.rtp.frame import MAX_BURST_SIZE, MAX_SEGMENTS, Burst, find_bursts


def test_equal_packets_with_a_shorter_last_one_are_one_burst() -> None:
    assert find_bursts([100, 100, 60]) == (Burst(0, 100, 3, 60),)


def test_a_longer_packet_begins_a_new_burst() -> None:
    assert find_bursts([30, 100, 100, 60, 60]) == (
        Burst(0, 30, 1, 30),
        Burst(30, 100, 3, 60),
        Burst(290, 60, 1, 60),
    )


def test_nothing_makes_no_burst() -> None:
    assert find_bursts([]) == ()


@given(st.lists(st.sampled_from([40, 900, 900, 1200, 1200, 1200]), max_size=200))
def test_bursts_cover_all_packets_within_the_limits(sizes: list[int]) -> None:
    covered: list[int] = []
    offset = 0
    for burst in find_bursts(sizes):
        own = [burst.stride] * (burst.packets - 1) + [burst.last]
        assert burst.offset == offset
        assert burst.packets <= MAX_SEGMENTS
        assert burst.last <= burst.stride
        assert sum(own) <= MAX_BURST_SIZE
        offset += sum(own)
        covered += own
    assert covered == sizes


@given(st.lists(st.integers(1, 60), max_size=10), st.integers(12, 34), st.sampled_from([10, 16]))
def test_a_template_leaves_gaps_for_header_and_tag(sizes: list[int], header: int, tag: int) -> None:
    frame = frame_of(sizes)
    data, bursts = frame.template(header, tag)
    packets = [bytes(header) + payload + bytes(tag) for payload in frame.payloads]
    assert data == b"".join(packets)
    assert bursts == find_bursts([len(packet) for packet in packets])


def test_viewers_with_equal_lengths_share_the_template() -> None:
    frame = frame_of([100, 100])
    assert frame.template(12, 16) is frame.template(12, 16)
    assert frame.template(12, 16) is not frame.template(20, 16)
    assert frame.template(12, 16) is not frame.template(12, 10)


def test_a_frame_says_what_it_is() -> None:
    frame = frame_of([100, 50], timestamp=3000, keyframe=True)
    assert frame.size == 150
    assert repr(frame) == "<EncodedFrame keyframe timestamp=3000 2 packets 150 bytes>"
