"""Signaling between two peers of one run, without a network."""

import trio

from triortc.handles import RunBound

from .messages import SignalingMessage

MAX_UNREAD_MESSAGES = 64


class MemorySignaling(RunBound, trio.abc.Channel[SignalingMessage]):
    """One end of a pair made by :func:`open_memory_signaling`."""

    def __init__(
        self,
        sender: "trio.MemorySendChannel[SignalingMessage]",
        receiver: "trio.MemoryReceiveChannel[SignalingMessage]",
    ) -> None:
        super().__init__()
        self._sender = sender
        self._receiver = receiver

    async def send(self, value: SignalingMessage) -> None:
        """Hand a message to the other end; waits while 64 are unread."""
        self._check_run()
        await self._sender.send(value)

    async def receive(self) -> SignalingMessage:
        """Wait for the other end's next message.

        Raises:
          trio.EndOfChannel: when the other end has closed.
        """
        self._check_run()
        return await self._receiver.receive()

    async def aclose(self) -> None:
        """Close this end; the other one sees the end after what was sent."""
        self._check_run()
        self._sender.close()
        self._receiver.close()
        await trio.lowlevel.checkpoint()


def open_memory_signaling() -> tuple[MemorySignaling, MemorySignaling]:
    """Return two connected ends."""
    # signaling messages: BLOCK; none may be lost, and both ends read all the time.
    left_sender, right_receiver = trio.open_memory_channel[SignalingMessage](MAX_UNREAD_MESSAGES)
    # the other direction: BLOCK, likewise.
    right_sender, left_receiver = trio.open_memory_channel[SignalingMessage](MAX_UNREAD_MESSAGES)
    return MemorySignaling(left_sender, left_receiver), MemorySignaling(right_sender, right_receiver)
