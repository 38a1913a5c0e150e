"""Matches become alerts."""
