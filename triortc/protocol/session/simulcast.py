"""Several encodings of one track in one media section (RFC 8853), told apart by RID (RFC 8851)."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from triortc.protocol.sdp.description import MediaDescription, Rid

MAX_RIDS = 16
"""Most encodings of one section; further ones are not taken."""

MAX_RID_LENGTH = 16
"""What one element of a one-byte header extension can carry."""

_RID_CHARACTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_")

# An encoding with a restriction that is not understood is not to be taken (RFC 8851 §6.2).
_RESTRICTIONS = frozenset(
    {"pt", "max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp", "depend"}
)


def is_rid(text: str) -> bool:
    """Whether *text* can be a RID (RFC 8851 §10, RFC 8852 §3)."""
    return 0 < len(text) <= MAX_RID_LENGTH and _RID_CHARACTERS.issuperset(text)


def _listed(value: str | None, direction: str) -> list[str]:
    """Return the RIDs that an ``a=simulcast`` lists for a direction: of alternatives, the first."""
    words = (value or "").split()
    for name, streams in zip(words[::2], words[1::2], strict=False):
        if name == direction:
            # Firefox < 60 wrote rid=a;b, and a ~ says that the encoding is paused.
            alternatives = streams.removeprefix("rid=").split(";")[:MAX_RIDS]
            return [each.split(",")[0].removeprefix("~") for each in alternatives]
    return []


def read_rids(media: MediaDescription, direction: str) -> tuple[Rid, ...]:
    """Return the encodings that a remote description lists, as far as they are understood.

    Args:
      media: its media section.
      direction: ``"send"`` or ``"recv"``, as the remote sees it.
    """
    described = {rid.id: rid for rid in reversed(media.rids) if rid.direction == direction}
    listed = dict.fromkeys(_listed(media.simulcast, direction))
    return tuple(described[name] for name in listed if name in described and _is_understood(described[name]))


def _is_understood(rid: Rid) -> bool:
    return is_rid(rid.id) and all(name.lower() in _RESTRICTIONS for name, _ in rid.parameters)


def answer_rids(rids: Sequence[Rid], payload_types: Collection[int]) -> tuple[Rid, ...]:
    """Return what an answer says of the encodings that the remote wants to send.

    Restrictions are kept; those to payload types that the answer has not, leave the rest.
    """
    answered = (_answer_rid(rid, payload_types) for rid in rids)
    return tuple(rid for rid in answered if rid is not None)


def _answer_rid(rid: Rid, payload_types: Collection[int]) -> Rid | None:
    parameters: list[tuple[str, str | None]] = []
    for name, value in rid.parameters:
        if name.lower() == "pt":
            kept = [number for number in (value or "").split(",") if number in map(str, payload_types)]
            if not kept:
                return None
            value = ",".join(kept)
        parameters.append((name, value))
    return replace(rid, direction="recv", parameters=tuple(parameters))


def describe_simulcast(send: Sequence[str], receive: Sequence[str]) -> str | None:
    """Return the value of ``a=simulcast``, None when there is none."""
    parts = [f"{name} {';'.join(rids)}" for name, rids in (("send", send), ("recv", receive)) if rids]
    return " ".join(parts) or None
