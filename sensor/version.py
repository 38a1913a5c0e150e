"""The version that is installed."""

from functools import cache


@cache
def version() -> str:
    """The distribution's version (``0+unknown`` from a bare source tree)."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("watchdog-sensor")
    except PackageNotFoundError:
        return "0+unknown"
