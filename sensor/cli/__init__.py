"""The command line: one file a command."""

from sensor.cli.app import main

__all__ = ["main"]
