"""Octets that stand escaped on the line, decoded where they are escaped."""
