from collections.abc import Iterator

import pytest
from support.browser import Browser, why_unavailable


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Each real browser in turn, launched once for all tests."""
    if reason := why_unavailable(request.param):
        pytest.skip(reason)
    with Browser(request.param) as browser:
        yield browser
