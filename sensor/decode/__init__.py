"""Batches of octets become columns of header fields."""
