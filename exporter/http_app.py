"""What the metrics page answers: an ASGI application of four paths.

``/metrics`` is the Prometheus text format 0.0.4 or OpenMetrics 1.0, as ``Accept`` says. ``/-/healthy`` and
``/-/ready`` are named as Prometheus names its own, and ask for no password: those who call them (service
managers, load balancers) carry none, and they tell yes or no and nothing else.
"""

import gzip
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector

from exporter.authentication import Authenticator, TooManyChecksError
from exporter.index_page import INDEX_HEADERS, index_page

Message = MutableMapping[str, Any]
Header = tuple[str, str]

METHODS: Final = ("GET", "HEAD")
TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
STATUSES: Final = (200, 401, 404, 405, 503)


class RequestCounts(Collector):
    """Requests answered, by status; connections refused."""

    def __init__(self) -> None:
        self.by_status = dict.fromkeys(STATUSES, 0)
        self.connections_refused = 0

    def collect(self) -> Iterator[Metric]:
        """Both, as metrics."""
        requests = CounterMetricFamily(
            "watchdog_metrics_requests", "Requests to this page answered, by HTTP status.", labels=("code",)
        )
        for status, count in self.by_status.items():
            requests.add_metric((str(status),), count)
        yield requests
        yield CounterMetricFamily(
            "watchdog_metrics_connections_refused",
            "Connections to this page closed at once: too many were open, or TLS found no agreement or no"
            " certificate that may read.",
            self.connections_refused,
        )


class MetricsApp:
    """The application: it holds no connection and no state but its counts."""

    def __init__(
        self,
        registry: CollectorRegistry,
        authenticator: Authenticator,
        counts: RequestCounts,
        *,
        ready: Callable[[], bool],
        headers: Iterable[Header] = (),
    ) -> None:
        """``headers`` go with every response; ``ready`` tells whether packets are being looked at."""
        self._registry = registry
        self._authenticator = authenticator
        self._counts = counts
        self._ready = ready
        self._headers = tuple(headers)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],  # noqa: ARG002 - bodies are of no interest
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        status, headers, body = await self._answer(scope)
        self._counts.by_status[status] += 1
        set_here = {name.lower() for name, _ in self._headers}
        fields = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *(header for header in headers if header[0].lower() not in set_here),
            *self._headers,
        ]
        encoded = [(name.encode("ascii"), value.encode("ascii")) for name, value in fields]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message) -> tuple[int, list[Header], bytes]:
        path = scope["path"]
        health = path in ("/-/healthy", "/-/ready")
        if not health:
            try:
                admitted = await self._authenticator.admits(_field(scope, b"authorization"))
            except TooManyChecksError:
                return _plain(503, ("Retry-After", "1"))
            if not admitted:
                return _plain(401, *(("WWW-Authenticate", value) for value in self._authenticator.challenges))
        if not health and path not in ("/", "/metrics"):
            return _plain(404)
        if scope["method"] not in METHODS:
            return _plain(405, ("Allow", ", ".join(METHODS)))
        if path == "/metrics":
            return self._metrics(scope)
        if path == "/":
            return 200, list(INDEX_HEADERS), index_page()
        return _plain(200 if path == "/-/healthy" or self._ready() else 503)

    def _metrics(self, scope: Message) -> tuple[int, list[Header], bytes]:
        accept = _field(scope, b"accept").decode("ascii", "ignore")
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # prometheus-client's, of a version that is no number
            encode, content_type = choose_encoder("")
        names = parse_qs(scope["query_string"].decode("ascii", "ignore")).get("name[]")
        body = encode(self._registry.restricted_registry(names) if names else self._registry)
        headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
        if gzip_accepted(_field(scope, b"accept-encoding").decode("ascii", "ignore")):
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(body, mtime=0)
        return 200, headers, body


def _field(scope: Message, name: bytes) -> bytes:
    """Value of a request's field, its lines joined (RFC 9110 section 5.3); empty where it has none."""
    return b",".join(value for key, value in scope["headers"] if key == name)


def _plain(status: int, *headers: Header) -> tuple[int, list[Header], bytes]:
    return status, [TEXT, *headers], f"{HTTPStatus(status).phrase}\n".encode()
