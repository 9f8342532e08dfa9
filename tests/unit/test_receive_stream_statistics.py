from triortc.protocol.rtp.receive_stream import MAX_MISORDER, ReceiveStream


def heard(*sequence_numbers: int) -> ReceiveStream:
    stream = ReceiveStream(7, 90_000)
    for count, sequence in enumerate(sequence_numbers):
        stream.update(sequence & 0xFFFF, count * 3000, 100, count / 30)
    return stream


def test_nothing_is_lost_of_a_full_row() -> None:
    stream = heard(*range(10))
    block = stream.report_block(1.0)
    assert (block.ssrc, block.packets_lost, block.fraction_lost, block.highest_sequence) == (7, 0, 0, 9)
    assert (stream.packets_received, stream.bytes_received) == (10, 1000)


def test_a_gap_is_a_loss() -> None:
    block = heard(0, 1, 2, 4).report_block(1.0)
    assert (block.packets_lost, block.fraction_lost) == (1, 256 // 5)


def test_a_late_packet_takes_the_loss_back() -> None:
    assert heard(0, 2, 1).packets_lost == 0


def test_the_first_packet_to_come_need_not_be_the_first_one_sent() -> None:
    stream = heard(5, 6, 3, 4)
    assert stream.packets_lost == 0
    assert heard(5, 6, 3).packets_lost == 1


def test_duplicates_make_the_loss_negative_but_not_the_fraction() -> None:
    block = heard(0, 1, 1, 1).report_block(1.0)
    assert (block.packets_lost, block.fraction_lost) == (-2, 0)


def test_each_report_tells_of_its_own_interval() -> None:
    stream = heard(0, 1, 3)
    assert stream.report_block(1.0).fraction_lost == 64
    stream.update(4, 0, 100, 1.1)
    block = stream.report_block(2.0)
    assert (block.fraction_lost, block.packets_lost) == (0, 1)


def test_wraps_are_counted_in_the_highest_sequence() -> None:
    block = heard(65534, 65535, 65536, 65537).report_block(1.0)
    assert (block.highest_sequence, block.packets_lost) == (0x10001, 0)


def test_a_confirmed_jump_is_a_restart_and_no_loss() -> None:
    stream = heard(0, 1, 2, 40_000, 40_001, 40_002)
    assert stream.highest_sequence == 40_002
    assert stream.packets_lost == 0


def test_a_single_stray_packet_changes_nothing() -> None:
    stream = heard(0, 1, 40_000, 2, 3)
    assert stream.highest_sequence == 3
    assert stream.packets_lost == 0


def test_a_packet_from_long_ago_looks_like_a_restart_only_when_confirmed() -> None:
    stream = heard(1000, 1001 - MAX_MISORDER - 50, 1001)
    assert stream.highest_sequence == 1001


def test_even_packets_have_no_jitter() -> None:
    assert heard(*range(20)).jitter < 1e-9


def test_jitter_approaches_the_mean_deviation() -> None:
    stream = ReceiveStream(7, 90_000)
    for count in range(500):
        stream.update(count, count * 3000, 100, count / 30 + 0.010 * (count % 2))
    assert abs(stream.jitter - 0.010) < 0.0005
    assert abs(stream.report_block(20.0).jitter - 900) < 45


def test_the_report_tells_how_long_ago_the_sender_report_came() -> None:
    stream = heard(0, 1)
    assert (stream.report_block(1.0).last_sr, stream.report_block(1.0).delay_since_last_sr) == (0, 0)
    stream.note_sender_report(0x0123_4567_89AB_CDEF, 2.0)
    block = stream.report_block(2.5)
    assert (block.last_sr, block.delay_since_last_sr) == (0x4567_89AB, 32768)


def test_a_silent_stream_has_an_empty_report() -> None:
    block = ReceiveStream(7, 90_000).report_block(1.0)
    assert (block.packets_lost, block.fraction_lost, block.highest_sequence, block.jitter) == (0, 0, 0, 0)
