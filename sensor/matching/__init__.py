"""Signatures are compiled and buffers scanned."""
