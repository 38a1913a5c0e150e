"""The version that is installed."""

from functools import cache


@cache
def version() -> str:
    """The distribution's version (``0+unknown`` from a bare source tree)."""
    # Imported here: it takes a tenth of the start of a run, and only a run that is logged tells its version.
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415
    from importlib.metadata import version as installed  # noqa: PLC0415

    try:
        return installed("watchdog-sensor")
    except PackageNotFoundError:
        return "0+unknown"
