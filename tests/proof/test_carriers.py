"""A sample's flow meets the conditions of its signature, if any flow does."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from sensor.capture.batch import Batch
from sensor.decode.stack import count_events, decode_batch
from sensor.detections.networks import compile_networks
from sensor.proof.carriers import carrier_of
from sensor.proof.packets import batch_of
from signatures.model import Buffer, Clause, Direction, PortRange, Sample, Severity, Signature


def _network(bits: int, prefix: int) -> str:
    """A network in which few bits matter, so that some lie within others."""
    return str(ip_network((bits << 29, prefix), strict=False))


NETWORKS = st.builds(_network, st.integers(0, 7), st.integers(0, 3)) | st.sampled_from(
    ["192.0.2.1/32", "192.0.2.0/24", "255.255.255.255/32", "2001:db8::/32", "2001:db8::1/128", "::/0", "::/1"]
)
CONDITION = st.lists(st.builds(str.__add__, st.sampled_from(["", "", "!"]), NETWORKS), max_size=4).map(tuple)
PORTS = st.lists(
    st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda pair: PortRange(*sorted(pair))),
    max_size=2,
).map(tuple)


@given(
    CONDITION,
    CONDITION,
    PORTS,
    PORTS,
    st.sampled_from(Direction),
    st.sampled_from([(), ("udp",)]),
    st.sampled_from([Buffer.PAYLOAD, Buffer.HTTP_RESPONSE_BODY, Buffer.HTTP_URI]),
)
def test_ends_are_as_conditions_ask(
    src: tuple[str, ...],
    dst: tuple[str, ...],
    src_ports: tuple[PortRange, ...],
    dst_ports: tuple[PortRange, ...],
    direction: Direction,
    protocols: tuple[str, ...],
    buffer: Buffer,
) -> None:
    """Whatever the conditions: the sample's packet meets them, and none is sent only if none can be."""
    looks_for = Signature(
        1,
        1,
        {"en": "x"},
        "custom",
        Severity.LOW,
        (Clause((buffer,), contents=(b"x",)),),
        src_networks=src,
        dst_networks=dst,
        src_ports=src_ports,
        dst_ports=dst_ports,
        direction=direction,
        protocols=protocols,
    )
    carrier = carrier_of(looks_for, Sample(buffer, b"sample", True))
    if carrier is None:
        assert (buffer is Buffer.HTTP_RESPONSE_BODY and protocols) or not _can_meet(src, dst)
        return
    ends, to_server = carrier.ends, carrier.turns[-1][0]
    pairs = [(ends.client, ends.client_port), (ends.server, ends.server_port)]
    (sender, sender_port), (receiver, receiver_port) = pairs if to_server else pairs[::-1]
    for address, networks in ((sender, src), (receiver, dst)):
        words = (int(address) >> 64, int(address) & (1 << 64) - 1)
        assert not networks or (address.version, *words) in compile_networks(networks)
    for port, ranges in ((sender_port, src_ports), (receiver_port, dst_ports)):
        assert not ranges or any(each.first <= port <= each.last for each in ranges)
    if buffer is Buffer.PAYLOAD:
        assert to_server is (direction is not Direction.TO_CLIENT)
    batch: Batch = batch_of(carrier.packets(), 1_000, 7)
    decoded, rejected = count_events(decode_batch(batch))
    assert (decoded, rejected) == (len(batch), {})


def _can_meet(src: tuple[str, ...], dst: tuple[str, ...]) -> bool:
    """Whether there are addresses of one version that both take, by trying every part of the space."""
    for version, size in ((4, 32), (6, 128)):
        probes = [ip_address((number << (size - 4)).to_bytes(size // 8, "big")) for number in range(16)]
        probes += [ip_address(each.removeprefix("!").split("/")[0]) for each in (*src, *dst)]
        probes += [ip_network(each.removeprefix("!"))[-1] for each in (*src, *dst)]
        fitting = [
            [
                address
                for address in probes
                if address.version == version
                and (
                    not networks
                    or (version, int(address) >> 64, int(address) & (1 << 64) - 1)
                    in compile_networks(networks)
                )
            ]
            for networks in (src, dst)
        ]
        if all(fitting):
            return True
    return False
