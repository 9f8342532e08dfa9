"""The errors of the sans-IO core."""


class Malformed(ValueError):
    """Bytes or text from the network that break their format.

    The only exception that a parser of untrusted input may raise, and all such parsers are
    called ``*_untrusted``. Inside the library it is counted, and goes no further.
    """


class LocalProtocolError(ValueError):
    """The local program asked for something that the protocol does not allow."""


class RemoteProtocolError(ValueError):
    """The remote description breaks the protocol; nothing was changed by it."""


class InvalidStateError(RuntimeError):
    """The call is not allowed in the present state (W3C ``InvalidStateError``)."""


class NoCommonCodec(RemoteProtocolError):
    """No codec of a media section is known to both sides.

    Attributes:
      mid: the media section's ``a=mid``.
    """

    def __init__(self, mid: str, message: str) -> None:
        super().__init__(message)
        self.mid = mid
