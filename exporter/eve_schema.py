r"""The shapes of EVE events.

https://docs.suricata.io/en/latest/output/eve/eve-json-format.html names the keys; the sensor's own
additions stand beside them (``http.url_normalised``, ``flow.conn_state``, ``flow.history``). A field that
has its default is not written: it is not known, or does not apply.

A string whose octets are not UTF-8 shows them as ``\xNN`` and has a companion key ``NAME_hex`` that holds
all its octets.
"""

from msgspec import Struct

_NONE = -1
"""A number that is not known or does not apply. Defaults are told by identity, so it is one of CPython's
small integers, as 0 is."""


class Http(Struct, omit_defaults=True, gc=False):
    """A transaction, or the request that an alert is about."""

    hostname: str = ""
    url: str = ""
    http_user_agent: str = ""
    http_refer: str = ""
    http_method: str = ""
    protocol: str = ""
    request_content_type: str = ""
    http_content_type: str = ""
    url_normalised: str = ""
    status: int = 0
    length: int = _NONE
    request_length: int = _NONE
    anomalies: tuple[str, ...] = ()
    response_timestamp: str = ""
    response_pcap_cnt: int = 0
    response_pcap_filename: str = ""
    response_pcap_filename_hex: str = ""
    hostname_hex: str = ""
    url_hex: str = ""
    http_user_agent_hex: str = ""
    http_refer_hex: str = ""
    http_method_hex: str = ""
    protocol_hex: str = ""
    request_content_type_hex: str = ""
    http_content_type_hex: str = ""
    url_normalised_hex: str = ""


class Flow(Struct, gc=False):
    """What a flow came to."""

    pkts_toserver: int
    pkts_toclient: int
    bytes_toserver: int
    bytes_toclient: int
    start: str
    end: str
    age: int
    reason: str
    conn_state: str
    history: str
    missed_bytes: int


class Outer(Struct, gc=False):
    """The tunnel that a flow's first packet came through."""

    src_ip: str
    dest_ip: str
    proto: str


class Match(Struct, omit_defaults=True, gc=False):
    """The signature that fired, and where."""

    action: str
    signature_id: int
    rev: int
    signature: str
    signature_ja: str
    category: str
    severity: int
    severity_name: str
    buffer: str = ""
    offset: int = _NONE
    length: int = _NONE
    excerpt_offset: int = _NONE
    excerpt: str = ""
    excerpt_hex: str = ""
    form: str = ""
    """How a keyword was encoded, outermost first: ``percent shift_jis``."""
    folds: tuple[str, ...] = ()
    """What it took, beside that, to find it: ``width``."""
    text: str = ""
    """The match, and what was around it, decoded."""
    text_start: int = _NONE
    """Where in ``text`` the match starts, in characters."""
    text_end: int = _NONE


class Event(Struct, omit_defaults=True, gc=False):
    """A line of EVE JSON."""

    timestamp: str
    flow_id: int
    pcap_cnt: int
    event_type: str
    src_ip: str
    dest_ip: str
    proto: str
    src_port: int = _NONE
    dest_port: int = _NONE
    app_proto: str = ""
    tx_id: int = _NONE
    http: Http | None = None
    flow: Flow | None = None
    alert: Match | None = None
    icmp_type: int = _NONE
    icmp_code: int = _NONE
    vlan: list[int] | None = None
    tunnel: Outer | None = None
    pcap_filename: str = ""
    pcap_filename_hex: str = ""
