"""Packets in: files, pipes and interfaces become batches."""
