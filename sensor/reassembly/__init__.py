"""Fragments become datagrams, segments become in-order chunks."""
