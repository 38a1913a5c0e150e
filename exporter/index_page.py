"""The page at ``/``: where the metrics are, for people who typed the address into a browser."""

from types import MappingProxyType
from typing import Final

from sensor.version import version

INDEX_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
_TEXT: Final = MappingProxyType(
    {
        "en": {
            "about": "This page is for Prometheus and other programs that read metrics.",
            "/metrics": "metrics",
            "/-/healthy": "whether the service runs",
            "/-/ready": "whether packets are being looked at",
        },
        "ja": {
            "about": "Prometheus など、メトリクスを収集するプログラムのためのページです。",
            "/metrics": "メトリクス",
            "/-/healthy": "サービスが動いているか",
            "/-/ready": "パケットを検査しているか",
        },
    }
)
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem}h1 small{font-weight:400;opacity:.7}section{margin-top:2rem}"
    "ul{padding:0;list-style:none}li{margin:.3rem 0}"
    "a{display:inline-block;min-width:8rem;font-family:ui-monospace,monospace}"
)


def index_page() -> bytes:
    """The page, in English and in Japanese."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>watchdog-sensor</title><style>{_STYLE}</style></head><body>"
        f"<h1>watchdog-sensor <small>{version()}</small></h1>{_section('en')}{_section('ja')}"
        "</body></html>\n"
    ).encode()


def _section(language: str) -> str:
    text = dict(_TEXT[language])
    about = text.pop("about")
    links = "".join(f'<li><a href="{path}">{path}</a>{words}</li>' for path, words in text.items())
    return f'<section lang="{language}"><p>{about}</p><ul>{links}</ul></section>'
