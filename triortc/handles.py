"""What every live handle has in common: it belongs to one ``trio.run``."""

import trio


class WrongRunError(RuntimeError):
    """A live handle was used in another ``trio.run``, or in another thread, than its own.

    Descriptions (sources, codecs, configurations) may go anywhere. What an
    ``async with open_*`` block gave you works in that block's run only.
    """


class RunBound:
    """A live handle; it remembers the run it was born in."""

    __slots__ = ("_run_token",)

    def __init__(self) -> None:
        self._run_token = trio.lowlevel.current_trio_token()

    def _check_run(self) -> None:
        """Refuse to work outside the handle's own run; called at public entry points.

        Raises:
          WrongRunError: when called in another run, another thread, or outside of any run.
        """
        try:
            token = trio.lowlevel.current_trio_token()
        except RuntimeError:
            raise WrongRunError(self._wrong_run("outside of any trio.run")) from None
        if token is not self._run_token:
            raise WrongRunError(self._wrong_run("in another trio.run"))

    def _wrong_run(self, where: str) -> str:
        return f"this {type(self).__name__} belongs to the trio.run it was opened in; it was used {where}"
