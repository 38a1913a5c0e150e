"""Packets become flows."""
