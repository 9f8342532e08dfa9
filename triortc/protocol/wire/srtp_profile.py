"""The SRTP protection profiles that DTLS negotiates and SRTP applies."""

import enum


class SrtpProfile(enum.Enum):
    """A DTLS-SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).

    The values are the profile numbers of the ``use_srtp`` extension.
    """

    AEAD_AES_128_GCM = 0x0007
    AES_CM_128_HMAC_SHA1_80 = 0x0001

    @property
    def openssl_name(self) -> str:
        """The profile's name in OpenSSL's ``SSL_CTX_set_tlsext_use_srtp``."""
        if self is SrtpProfile.AEAD_AES_128_GCM:
            return "SRTP_AEAD_AES_128_GCM"
        return "SRTP_AES128_CM_SHA1_80"

    @property
    def iana_name(self) -> str:
        """The profile's name in the registry of DTLS-SRTP protection profiles."""
        if self is SrtpProfile.AEAD_AES_128_GCM:
            return "SRTP_AEAD_AES_128_GCM"
        return "SRTP_AES128_CM_HMAC_SHA1_80"

    @property
    def key_length(self) -> int:
        """Length of the master key, in bytes."""
        return 16

    @property
    def salt_length(self) -> int:
        """Length of the master salt, in bytes."""
        return 12 if self is SrtpProfile.AEAD_AES_128_GCM else 14

    @property
    def tag_length(self) -> int:
        """Length of the authentication tag that SRTP appends, in bytes."""
        return 16 if self is SrtpProfile.AEAD_AES_128_GCM else 10
