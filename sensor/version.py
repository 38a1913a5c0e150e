"""The version that is installed."""

from functools import cache


@cache
def version() -> str:
    """The distribution's version (``0+unknown`` from a bare source tree)."""
    # Imported here, since it takes a tenth of a start that only a few commands need it for.
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415
    from importlib.metadata import version as installed  # noqa: PLC0415

    try:
        return installed("watchdog-sensor")
    except PackageNotFoundError:
        return "0+unknown"
