r"""EVE JSON: one object a line, in Suricata's vocabulary (``eve_events``).

What a terminal would obey is escaped (``\u009b``).
"""

import os
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Protocol

import msgspec

from exporter.eve_events import alert_event, flow_events, http_event, put_octets, timestamp
from exporter.eve_schema import Event
from exporter.printable import printable_json
from sensor.capture.numbering import PacketNumbers
from sensor.detections.results import Results


class Stream(Protocol):
    """Where lines go: a binary file, or whatever else takes octets."""

    def write(self, lines: bytes, /) -> object:
        """Take whole lines."""


_BLOCK = 1024
"""Events made into Python objects, and written, at once: some 2 MiB."""


class EveWriter:
    """Writes events to a stream, many lines at a time."""

    def __init__(self, stream: Stream, numbers: PacketNumbers | None = None) -> None:
        """Write to ``stream``.

        :param numbers: where packets are of several captures: which one an event is of is then said
            (``pcap_filename``), and ``pcap_cnt`` counts in it.
        """
        self._stream = stream
        self._numbers = numbers
        self._encoder = msgspec.json.Encoder()

    def write(self, results: Results) -> None:
        """Write everything that a batch brought."""
        events: Iterator[Event] = chain(
            map(http_event, results.http),
            map(alert_event, results.alerts),
            chain.from_iterable(map(flow_events, results.flows)),
        )
        if self._numbers is not None:
            events = map(self._place, events)
        while block := list(islice(events, _BLOCK)):
            self._stream.write(printable_json(self._encoder.encode_lines(block)))

    def write_stats(self, stats: dict[str, Any], ts_ns: int) -> None:
        """Write the line that ends a replay."""
        event = {"timestamp": timestamp(ts_ns), "event_type": "stats", "stats": stats}
        self._stream.write(self._encoder.encode_lines([event]))

    def _place(self, event: Event) -> Event:
        """Say which capture the event's packets are of, and count them in it."""
        assert self._numbers is not None
        name, event.pcap_cnt = self._numbers.locate(event.pcap_cnt)
        put_octets(event, "pcap_filename", os.fsencode(name))
        http = event.http
        if http is not None and http.response_pcap_cnt:
            answered_in, http.response_pcap_cnt = self._numbers.locate(http.response_pcap_cnt)
            if answered_in != name:
                put_octets(http, "response_pcap_filename", os.fsencode(answered_in))
        return event
