"""The yardsticks of W3C webrtc-stats: which members there are, of what type, and which are mandatory."""

from collections.abc import Iterator, Mapping
from typing import Any

Report = Mapping[str, Mapping[str, Any]]

# web-platform-tests, webrtc/RTCPeerConnection-mandatory-getStats.https.html, by its own names. Left
# out are RTCDataChannelStats, which come with data channels, and what webrtc-stats itself has
# dropped: receiverId, senderId, and the handlers' trackIdentifier.
MANDATORY = {
    "RTCRtpStreamStats": ("ssrc", "kind", "transportId", "codecId"),
    "RTCReceivedRtpStreamStats": (
        "packetsReceived",
        "packetsLost",
        "jitter",
        "packetsDiscarded",
        "framesDropped",
    ),
    "RTCInboundRtpStreamStats": (
        "remoteId",
        "framesDecoded",
        "nackCount",
        "framesReceived",
        "bytesReceived",
        "totalAudioEnergy",
        "totalSamplesDuration",
        "trackIdentifier",
    ),
    "RTCRemoteInboundRtpStreamStats": ("localId", "roundTripTime"),
    "RTCSentRtpStreamStats": ("packetsSent", "bytesSent"),
    "RTCOutboundRtpStreamStats": ("remoteId", "framesEncoded", "nackCount", "framesSent", "mediaSourceId"),
    "RTCRemoteOutboundRtpStreamStats": ("localId", "remoteTimestamp"),
    "RTCPeerConnectionStats": ("dataChannelsOpened", "dataChannelsClosed"),
    "RTCMediaSourceStats": ("trackIdentifier", "kind"),
    "RTCAudioSourceStats": ("totalAudioEnergy", "totalSamplesDuration"),
    "RTCVideoSourceStats": ("width", "height", "framesPerSecond"),
    "RTCCodecStats": ("payloadType", "mimeType", "clockRate", "channels", "sdpFmtpLine"),
    "RTCTransportStats": (
        "bytesSent",
        "bytesReceived",
        "selectedCandidatePairId",
        "localCertificateId",
        "remoteCertificateId",
    ),
    "RTCIceCandidatePairStats": (
        "transportId",
        "localCandidateId",
        "remoteCandidateId",
        "state",
        "nominated",
        "bytesSent",
        "bytesReceived",
        "totalRoundTripTime",
        "currentRoundTripTime",
    ),
    "RTCIceCandidateStats": ("address", "port", "protocol", "candidateType", "url"),
    "RTCCertificateStats": ("fingerprint", "fingerprintAlgorithm", "base64Certificate"),
}

DICTIONARIES = {
    "codec": ("RTCCodecStats",),
    "inbound-rtp": ("RTCInboundRtpStreamStats", "RTCReceivedRtpStreamStats", "RTCRtpStreamStats"),
    "outbound-rtp": ("RTCOutboundRtpStreamStats", "RTCSentRtpStreamStats", "RTCRtpStreamStats"),
    "remote-inbound-rtp": (
        "RTCRemoteInboundRtpStreamStats",
        "RTCReceivedRtpStreamStats",
        "RTCRtpStreamStats",
    ),
    "remote-outbound-rtp": (
        "RTCRemoteOutboundRtpStreamStats",
        "RTCSentRtpStreamStats",
        "RTCRtpStreamStats",
    ),
    "media-source audio": ("RTCAudioSourceStats", "RTCMediaSourceStats"),
    "media-source video": ("RTCVideoSourceStats", "RTCMediaSourceStats"),
    "peer-connection": ("RTCPeerConnectionStats",),
    "transport": ("RTCTransportStats",),
    "candidate-pair": ("RTCIceCandidatePairStats",),
    "local-candidate": ("RTCIceCandidateStats",),
    "remote-candidate": ("RTCIceCandidateStats",),
    "certificate": ("RTCCertificateStats",),
}
"""An object's dictionary and those that it inherits from."""

# The members of the Web IDL by their types, whatever dictionary they are in: no name has two types.
STRINGS = """
    id type kind transportId codecId mimeType sdpFmtpLine trackIdentifier mid rid remoteId localId
    decoderImplementation encoderImplementation playoutId mediaSourceId qualityLimitationReason
    scalabilityMode iceRole iceLocalUsernameFragment dtlsState iceState selectedCandidatePairId
    localCertificateId remoteCertificateId tlsVersion dtlsCipher dtlsRole srtpCipher address protocol
    candidateType url relayProtocol foundation relatedAddress usernameFragment tcpType localCandidateId
    remoteCandidateId state fingerprint fingerprintAlgorithm base64Certificate
"""
INTEGERS = """
    ssrc payloadType clockRate channels packetsReceived packetsLost framesDecoded keyFramesDecoded
    framesDropped frameWidth frameHeight headerBytesReceived packetsDiscarded fecPacketsReceived
    fecPacketsDiscarded bytesReceived nackCount firCount pliCount jitterBufferEmittedCount
    totalSamplesReceived concealedSamples silentConcealedSamples concealmentEvents
    insertedSamplesForDeceleration removedSamplesForAcceleration framesReceived
    retransmittedPacketsReceived retransmittedBytesReceived rtxSsrc roundTripTimeMeasurements
    packetsSent bytesSent encodingIndex headerBytesSent retransmittedPacketsSent retransmittedBytesSent
    framesSent framesEncoded keyFramesEncoded qpSum reportsSent width height frames dataChannelsOpened
    dataChannelsClosed selectedCandidatePairChanges port priority relatedPort requestsReceived
    requestsSent responsesReceived responsesSent consentRequestsSent
"""
DOUBLES = """
    timestamp jitter framesPerSecond totalDecodeTime lastPacketReceivedTimestamp jitterBufferDelay
    jitterBufferTargetDelay jitterBufferMinimumDelay audioLevel totalAudioEnergy totalSamplesDuration
    roundTripTime totalRoundTripTime fractionLost targetBitrate totalEncodeTime remoteTimestamp
    currentRoundTripTime
"""
BOOLEANS = "active nominated powerEfficientEncoder powerEfficientDecoder"

TYPES: dict[str, type] = {
    name: type
    for names, type in ((STRINGS, str), (INTEGERS, int), (DOUBLES, float), (BOOLEANS, bool))
    for name in names.split()
}

LEVELS = """
    ssrc payloadType clockRate channels packetsLost frameWidth frameHeight rtxSsrc encodingIndex width
    height port priority relatedPort timestamp jitter framesPerSecond audioLevel roundTripTime
    fractionLost targetBitrate currentRoundTripTime fecPacketsDiscarded
"""
NOT_COUNTING = frozenset(LEVELS.split())
"""Numbers that may fall; all others only ever grow."""


def dictionaries_of(stats: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the W3C names of what an object is."""
    return DICTIONARIES.get(stats["type"]) or DICTIONARIES[f"{stats['type']} {stats['kind']}"]


def find_missing(*reports: Report) -> set[str]:
    """Return the mandatory members that no object of any report has, as ``dictionary.member``."""
    missing = {f"{name}.{member}" for name, members in MANDATORY.items() for member in members}
    for report in reports:
        for stats in report.values():
            for name in dictionaries_of(stats):
                missing -= {f"{name}.{member}" for member in MANDATORY[name] if member in stats}
    return missing


def find_wrong_types(report: Report) -> list[str]:
    """Return what is no member of W3C's, or of another type."""
    return [
        f"{stats['type']}.{name} = {value!r}"
        for stats in report.values()
        for name, value in stats.items()
        if type(value) is not TYPES.get(name)
    ]


def find_dangling(report: Report) -> list[str]:
    """Return the ids by which objects refer to others that are not there."""
    return [
        f"{stats['type']}.{name} = {value}"
        for stats in report.values()
        for name, value in stats.items()
        if name.endswith("Id") and value not in report
    ]


def find_falling(before: Report, after: Report) -> Iterator[str]:
    """Yield the counters that have become less."""
    for id, stats in after.items():
        for name, value in stats.items():
            old = before.get(id, {}).get(name)
            counts = TYPES[name] in (int, float) and name not in NOT_COUNTING
            if counts and old is not None and value < old:
                yield f"{id}.{name} fell from {old} to {value}"
