"""Why a bundle is refused."""

from enum import StrEnum

from sensor.errors import SensorError


class Refusal(StrEnum):
    """The kinds of reasons, for programs."""

    TOO_LARGE = "too-large"
    TAMPERED = "tampered"
    UNKNOWN_SIGNER = "unknown-signer"
    TOO_FEW_SIGNERS = "too-few-signers"
    NEWER_SENSOR = "newer-sensor"
    WRONG_NAME = "wrong-name"
    CLOCK = "clock"
    EXPIRED = "expired"
    OLDER = "older"
    UNUSABLE = "unusable"
    """Signed as it should be, but not made of sound signature files."""


class BundleError(SensorError):
    """A bundle that must not be used. The message is one line, without the bundle's file name."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal = refusal
