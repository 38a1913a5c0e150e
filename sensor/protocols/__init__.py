"""Chunks become transactions."""
