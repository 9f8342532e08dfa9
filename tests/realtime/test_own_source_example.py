"""The example of a source of one's own runs, and shows its clouds."""

import pytest
from support.examples import EXAMPLES, assert_ends_quietly, assert_shows, read_url, running

pytestmark = pytest.mark.realtime


def test_a_source_of_ones_own_is_shown() -> None:
    with running(EXAMPLES["own_source.py"]) as process:
        assert_shows(read_url(process))
        assert_ends_quietly(process)
