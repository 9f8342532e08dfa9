"""The page of the examples, as it is, with each browser's fake camera."""

import pytest
from support.browser import Browser
from support.examples import EXAMPLES, assert_ends_quietly, read_url, running

pytestmark = pytest.mark.browser

PLAYING = """(count) => {
  const videos = [...document.querySelectorAll("video")];
  // Firefox does not take fake devices for a conversation, in which it plays sound unasked.
  for (const video of videos.filter((video) => video.paused)) Object.assign(video, {muted: true}).play();
  return videos.length === count && videos.every((video) => video.videoWidth > 0 && video.currentTime > 0.5);
}"""
SOUNDS = (
    '() => [...document.querySelectorAll("video")].map((video) => video.srcObject.getAudioTracks().length)'
)


def test_a_browser_sees_its_own_pictures_as_drawings(browser: Browser) -> None:
    with running(EXAMPLES["filter.py"]) as process:
        with browser.open(read_url(process)) as page:
            page.wait(PLAYING, 2, seconds=20)
            assert page.evaluate(SOUNDS) == [1, 0]
            assert page.troubles() == []
        assert_ends_quietly(process)


def test_two_browsers_call_each_other_until_one_leaves(browser: Browser) -> None:
    with running(EXAMPLES["two_way_call.py"]) as process:
        url = read_url(process)
        with browser.open(url) as alice:
            with browser.open(url) as bob:
                for page in (alice, bob):
                    page.wait(PLAYING, 2, seconds=20)
                    assert page.evaluate(SOUNDS) == [1, 1]
                    assert page.troubles() == []
            alice.wait(PLAYING, 1)
        assert_ends_quietly(process)
