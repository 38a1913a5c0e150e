"""Errors that an operator can act on.

What comes off the wire never raises: these are for files, arguments, rights and disks. Each carries
one line that says what is wrong and what to do; the command line prints that line and nothing else.
"""


class SensorError(Exception):
    """Base of every error that the command line turns into one line and an exit status."""

    exit_status = 1


class ConfigError(SensorError):
    """Unusable arguments or configuration."""

    exit_status = 2


class CaptureError(SensorError):
    """A capture that cannot be opened or read."""


class SignatureError(SensorError):
    """A signature file that cannot be used."""

    exit_status = 2


class SampleError(SignatureError):
    """Signatures that do not do what their own samples say."""

    def __init__(self, line: str, count: int) -> None:
        """:param count: samples that fail."""
        super().__init__(line)
        self.count = count


class StoreError(SensorError):
    """A database that cannot be opened, read or written."""
