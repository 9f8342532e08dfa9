"""Where a peer is born and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import trio

from triortc.net.endpoint import current_network
from triortc.net.mux import SharedPort
from triortc.nursery import open_bare_nursery
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.session.session import Session
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import SystemEntropy

from .config import PeerConfig
from .identities import current_identities
from .peer import Peer

_DEFAULT_CONFIG = PeerConfig()

# All peers of a run take turns, one after another, so they can borrow the same buffer.
_scratch: "trio.lowlevel.RunVar[Scratch]" = trio.lowlevel.RunVar("triortc scratch")


def _shared_scratch() -> Scratch:
    try:
        return _scratch.get()
    except LookupError:
        scratch = Scratch()
        _scratch.set(scratch)
        return scratch


@asynccontextmanager
async def open_peer(
    config: PeerConfig = _DEFAULT_CONFIG, *, port: SharedPort | None = None
) -> AsyncIterator[Peer]:
    """Open a peer connection; when the block ends, in whatever way, nothing of it is left.

    The block's end tells the remote side (RTCP BYE, DTLS close_notify), even when it is
    cancelled.

    Args:
      config: servers and certificates.
      port: a port to share with other peers; without it the peer binds its own sockets. Peers
        of shared ports show one certificate, unless *config* names another.

    Raises:
      LocalProtocolError: a certificate of *config* has expired, or is none.
    """
    unix_time = datetime.now(UTC).timestamp()
    identity = current_identities().choose(config, unix_time, shared=port is not None)
    scratch = _shared_scratch()
    async with open_bare_nursery() as nursery:
        session = Session(
            certificate=identity,
            anchor=ClockAnchor(monotonic=trio.current_time(), unix=unix_time),
            entropy=SystemEntropy(),
            scratch=scratch,
        )
        peer = Peer(
            session,
            scratch,
            config=config,
            network=current_network(),
            port=port,
            nursery=nursery,
        )
        peer._start()
        try:
            yield peer
        finally:
            peer.close()
            nursery.cancel_scope.cancel()
