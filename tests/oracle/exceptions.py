"""Where tshark 4.0 and the sensor differ on a fixture and the sensor is right, and why."""

from dataclasses import dataclass
from types import MappingProxyType

Request = tuple[str, bytes, bytes, bytes, bytes]

NOT_TAKEN_APART: MappingProxyType[str, str] = MappingProxyType(
    {
        "tunnel/mpls_ethernet.pcap": "tshark takes a pseudowire's zero control word (RFC 4448, section 4.6) "
        "for the start of the inner destination address",
    }
)
"""Capture: why tshark finds no IP packet in any of its frames."""


@dataclass(frozen=True, slots=True)
class HttpDifference:
    """What one side alone reports. A request: method, target, host, User-Agent, Referer."""

    reason: str
    requests_here: tuple[Request, ...] = ()
    requests_there: tuple[Request, ...] = ()
    responses_here: tuple[int, ...] = ()
    responses_there: tuple[int, ...] = ()


TARGET = b"/?q=%E9%81%A0%E9%9A%94%E6%93%8D%E4%BD%9C"
HOST, AGENT, REFERER = b"www.example.jp", b"fixture/1.0", b"http://example.jp/"

HTTP_DIFFERENCES: MappingProxyType[str, HttpDifference] = MappingProxyType(
    {
        "capture/fcs_bits.pcap": HttpDifference(
            "the file claims that each frame ends in a check sequence, and none does: tshark takes four "
            "octets of the packet for it, the sensor goes by the IP header's length",
            requests_here=(("GET", TARGET, HOST, AGENT, REFERER),),
            responses_here=(200,),
        ),
        "http/absolute_form.pcap": HttpDifference(
            "the authority of an absolute-form target replaces the Host field (RFC 9112, section 3.2.2)",
            requests_here=(("GET", b"http://www.example.jp/page?x=1", HOST, b"", b""),),
            requests_there=(("GET", b"http://www.example.jp/page?x=1", b"proxy.example.jp", b"", b""),),
        ),
        "http/empty_lines_first.pcap": HttpDifference(
            "empty lines before a request line are to be ignored (RFC 9112, section 2.2); tshark takes two "
            "of them for the end of a head",
            requests_here=(("GET", b"/", HOST, AGENT, REFERER),),
        ),
        "http/endless_head.pcap": HttpDifference(
            "a head without an end is no message to tshark; the sensor reports what it could read of it",
            requests_here=(("GET", TARGET, b"", b"", b""),),
        ),
        "http/obsolete_folding.pcap": HttpDifference(
            "a folded line continues the one before it (RFC 9112, section 5.2); tshark stops there",
            requests_here=(("GET", TARGET, HOST, b"one two three", b""),),
            requests_there=(("GET", TARGET, b"", b"one", b""),),
        ),
        "http/spaces.pcap": HttpDifference(
            "words of a request line may be apart by more than one space (RFC 9112, section 3), and Host "
            "has one before its colon; tshark takes the empty word between two spaces for the target",
            requests_here=(("GET", b"/two", HOST, b"tight", b""),),
            requests_there=(("GET", b"", b"", b"tight", b""),),
        ),
        "http/unfinished_request.pcap": HttpDifference(
            "as with a head without an end: what came is reported",
            requests_here=(("GET", b"/cut", HOST, b"fix", b""),),
        ),
        "http/unfinished_response.pcap": HttpDifference(
            "as above",
            responses_here=(200,),
        ),
        "http/unknown_method.pcap": HttpDifference(
            "any token is a method (RFC 9110, section 9.1); tshark has a list of them",
            requests_here=(("BREW", b"/pot", HOST, b"", b""),),
        ),
        "http/version_0_9.pcap": HttpDifference(
            "tshark has no HTTP/0.9",
            requests_here=(("GET", b"/old", b"", b"", b""),),
        ),
        "tcp/forged_syn.pcap": HttpDifference(
            "tshark takes any SYN with another number for a new connection, and loses the one that goes on",
            requests_here=(("GET", TARGET, HOST, AGENT, REFERER),),
        ),
        "tcp/gap_in_body.pcap": HttpDifference(
            "tshark gives a direction up after a lost segment; the sensor skips what is missing",
            responses_here=(200, 200),
        ),
        "tcp/gap_in_head.pcap": HttpDifference(
            "as above; of the request whose head was hit it reports what came before the gap",
            requests_here=(
                ("GET", b"/one", b"", b"", b""),
                ("GET", b"/two", HOST, AGENT, REFERER),
            ),
        ),
        "tcp/lost_request.pcap": HttpDifference(
            "as above",
            requests_here=tuple(("GET", b"/%d" % number, HOST, AGENT, REFERER) for number in (3, 4, 5)),
        ),
        "tunnel/mpls_ethernet.pcap": HttpDifference(
            NOT_TAKEN_APART["tunnel/mpls_ethernet.pcap"],
            requests_here=(("GET", TARGET, HOST, AGENT, REFERER),),
            responses_here=(200,),
        ),
    }
)
"""Capture: what differs in it."""
