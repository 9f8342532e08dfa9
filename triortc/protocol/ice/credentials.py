"""The short-term credentials of both sides (RFC 8445 §7.1.3), and what they prove."""

from .events import IceParameters
from .stun import StunMessage


class Credentials:
    """Who may check us, and by which keys.

    Attributes:
      local: ours.
      remote: the remote's, or None as long as they are unknown.
      local_key: keys checks that come to us and our answers.
      remote_key: keys our checks and the answers to them.
    """

    __slots__ = ("local", "local_key", "remote", "remote_key")

    def __init__(self, local: IceParameters) -> None:
        self.local: IceParameters = local
        self.remote: IceParameters | None = None
        self.local_key: bytes = self.local.pwd.encode()
        self.remote_key: bytes = b""

    def set_remote(self, parameters: IceParameters) -> None:
        """Set the remote's credentials."""
        self.remote = parameters
        self.remote_key = parameters.pwd.encode()

    def username(self) -> str:
        """Return USERNAME of our checks."""
        return f"{self.remote.ufrag if self.remote else ''}:{self.local.ufrag}"

    def are_named_by(self, names: tuple[str, str] | None) -> bool:
        """Return whether the two halves of a request's USERNAME are ours and the remote's.

        Before the remote's credentials are known, its half may be anything.
        """
        if names is None or names[0] != self.local.ufrag:
            return False
        return self.remote is None or names[1] == self.remote.ufrag

    def prove_request(self, message: StunMessage) -> bool:
        """Return whether a request is for us and from who knows our password."""
        ours, colon, theirs = (message.username or "").partition(":")
        if not message.has_fingerprint or not self.are_named_by((ours, theirs) if colon else None):
            return False
        return message.is_authentic(self.local_key)

    def prove_response(self, message: StunMessage) -> bool:
        """Return whether an answer is from who knows the remote's password."""
        known = self.remote is not None and message.has_fingerprint
        return known and message.is_authentic(self.remote_key)
