"""What is known of every TCP stream between batches, in columns."""

import numpy as np

from sensor.arrays import I64


class StreamState:
    """Columns by stream: 2 * slot of the flow + direction."""

    def __init__(self, streams: int) -> None:
        """Nothing is known of so many streams."""
        self.next = np.zeros(streams, np.uint32)
        """Sequence number of the next octet."""
        self.position = np.zeros(streams, np.int64)
        """Position of that octet in the stream."""
        self.owed = np.zeros(streams, np.int64)
        """Octets missing before it, that the next piece has to report."""
        self.fin = np.zeros(streams, np.int64)
        """One more than the position of the end of the stream; 0 while no FIN told it. (Zeros cost no memory
        until they are written to.)"""
        self.moved_at = np.zeros(streams, np.int64)
        """Number of the last packet that the stream took something from, or gave up a hole for."""
        self.closed = np.zeros(streams, np.bool_)
        """The end has been delivered."""
        self.waiting = np.zeros(streams, np.bool_)
        """Segments are held behind a hole."""

    def forget(self, streams: I64) -> None:
        """Streams are over: their places are for others."""
        self.position[streams] = 0
        self.owed[streams] = 0
        self.fin[streams] = 0
        self.moved_at[streams] = 0
        self.closed[streams] = False
        self.waiting[streams] = False
