"""Flows the slow and obvious way: one packet at a time, one dictionary, no arrays."""

from dataclasses import dataclass, field

from sensor.config import FlowLimits

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
TCP, UDP = 6, 17
LETTERS = "SHADFRGTW"

Endpoint = tuple[int, int]
"""Address and port."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One decoded packet. ``data`` is what was captured of a payload of ``wire_len`` octets."""

    ts_ns: int
    src: Endpoint
    dst: Endpoint
    proto: int = TCP
    flags: int = 0
    seq: int = 0
    ack: int = 0
    window: int = 1024
    data: bytes = b""
    wire_len: int = 0
    version: int = 4
    number: int = 0

    @property
    def ip_len(self) -> int:
        return 40 + self.wire_len

    @property
    def key(self) -> tuple[object, ...]:
        return (*sorted((self.src, self.dst)), self.proto, self.version)


@dataclass(slots=True)
class Flow:
    """What is known of one flow."""

    proto: int
    orig: Endpoint
    resp: Endpoint
    first_ns: int
    first_number: int
    last_ns: int
    heard_ns: int
    packets: list[int] = field(default_factory=lambda: [0, 0])
    octets: list[int] = field(default_factory=lambda: [0, 0])
    payload: list[int] = field(default_factory=lambda: [0, 0])
    missed: list[int] = field(default_factory=lambda: [0, 0])
    history: str = ""
    last_syn: tuple[Endpoint, int] | None = None
    closing: bool = False
    rival: tuple[Endpoint, int] | None = None
    """The last SYN that may be of another connection, while no SYN-ACK has answered it."""
    reason: str = ""

    def note(self, letters: str) -> None:
        """Add letters that the history does not have yet, in the order of ``LETTERS``."""
        for letter in LETTERS:
            for cased in (letter, letter.lower()):
                if cased in letters and cased not in self.history:
                    self.history += cased

    def conn_state(self) -> str:
        """Zeek's, by the table in the documentation of conn.log."""
        if self.proto == UDP:
            return {(True, True): "SF", (True, False): "S0", (False, True): "SHR"}[
                self.packets[0] > 0, self.packets[1] > 0
            ]
        if self.proto != TCP:
            return "OTH"
        h = self.history
        resets = [letter for letter in h if letter in "Rr"]
        if "S" in h and "h" in h:
            before_reset = h[: h.index(resets[0])] if resets else h
            if "F" in before_reset and "f" in before_reset:
                return "SF"
            if resets:
                return {"R": "RSTO", "r": "RSTR"}[resets[0]]
            return {(True, False): "S2", (False, True): "S3", (False, False): "S1"}["F" in h, "f" in h]
        if "S" in h:
            if resets:
                return {"R": "RSTOS0", "r": "REJ"}[resets[0]]
            if "F" in h:
                return "SH"
            return "OTH" if self.packets[1] else "S0"
        if "h" in h:
            if resets and resets[0] == "r":
                return "RSTRH"
            if "f" in h:
                return "SHR"
        return "OTH"


class FlowTracker:
    """Every flow by key, and those that ended."""

    def __init__(self, limits: FlowLimits) -> None:
        self.limits = limits
        self.open: dict[tuple[object, ...], Flow] = {}
        self.ended: list[Flow] = []
        self.clock = 0
        self.reused = 0

    def track(self, packet: Packet) -> tuple[Flow, int]:
        """The packet's flow, and the direction: 0 from the originator, 1 from the responder."""
        self.clock = max(self.clock, packet.ts_ns)
        flow = self.open.get(packet.key)
        handshake = packet.flags & (SYN | ACK) if packet.proto == TCP else 0
        answered: tuple[Endpoint, int] | None = None
        if flow is not None:
            idle = {TCP: self.limits.tcp_idle_ns, UDP: self.limits.udp_idle_ns}.get(
                packet.proto, self.limits.other_idle_ns
            )
            if self.clock - flow.heard_ns > idle:
                self.end(packet.key, "timeout")
                flow = None
            elif handshake == SYN | ACK and flow.rival == (packet.dst, (packet.ack - 1) % 2**32):
                answered = flow.rival
                self.reused += 1
                self.end(packet.key, "tcp_reuse")
                flow = None
            elif handshake == SYN and starts_another(flow, packet):
                self.reused += 1
                self.end(packet.key, "tcp_reuse")
                flow = None
        if flow is None:
            flow = self.open[packet.key] = self.begin(packet)
            if answered:
                flow.last_syn = answered
                flow.note("S")
        if handshake == SYN and flow.rival != (packet.src, packet.seq):
            flow.last_syn, flow.closing = (packet.src, packet.seq), False
        if packet.flags & (FIN | RST):
            flow.closing = True
        direction = 0 if packet.src == flow.orig else 1
        flow.last_ns = max(flow.last_ns, packet.ts_ns)
        flow.heard_ns = self.clock
        flow.packets[direction] += 1
        flow.octets[direction] += packet.ip_len
        flow.payload[direction] += packet.wire_len
        return flow, direction

    def begin(self, packet: Packet) -> Flow:
        """A new flow from its first packet."""
        orig, resp = packet.src, packet.dst
        from_service = packet.src[1] < 1024 <= packet.dst[1]
        if packet.proto == TCP and packet.flags & SYN:
            swap = bool(packet.flags & ACK)
        else:
            swap = packet.proto in (TCP, UDP) and from_service
        if swap:
            orig, resp = resp, orig
        return Flow(packet.proto, orig, resp, packet.ts_ns, packet.number, packet.ts_ns, self.clock)

    def end(self, key: tuple[object, ...], reason: str) -> None:
        """End one flow."""
        flow = self.open.pop(key)
        flow.reason = reason
        self.ended.append(flow)

    def finish(self) -> None:
        """The capture is over: end every flow."""
        for key in list(self.open):
            self.end(key, "shutdown")


def starts_another(flow: Flow, packet: Packet) -> bool:
    """Whether a SYN is another connection's for sure; if it only may be, it becomes the flow's rival."""
    if flow.last_syn == (packet.src, packet.seq):
        return False
    if flow.closing:
        return True
    spoken = set(flow.history) & set("HADFhadf")
    if any(map(str.isupper, spoken)) and any(map(str.islower, spoken)):
        flow.rival = packet.src, packet.seq
        return False
    return flow.last_syn is not None and flow.last_syn[0] == packet.src


def letters(packet: Packet, direction: int) -> str:
    """What the packet alone adds to a history."""
    found = "D" if packet.wire_len else ""
    if packet.proto == TCP:
        syn, fin, rst, ack = (bool(packet.flags & bit) for bit in (SYN, FIN, RST, ACK))
        if syn:
            found += "H" if ack else "S"
        if fin:
            found += "F"
        if rst:
            found += "R"
        if not (syn or fin or rst):
            if ack and not packet.wire_len:
                found += "A"
            if packet.window == 0:
                found += "W"
    return found.lower() if direction else found
