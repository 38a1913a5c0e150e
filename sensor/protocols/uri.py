"""Request targets in the form that signatures are matched against (RFC 3986, section 6).

What Suricata's ``http.uri`` buffer holds by libhtp's defaults, and what most servers make of a target
before they look for a file: percent-encoding is undone once, in path and query; backslashes of the path
become slashes, runs of slashes one; dot segments are removed. Not done: a second decoding, ``%uXXXX``,
``+`` for a space, best-fit mapping of UTF-8, lower case: each would hide what was sent from a keyword that
asks for it. Decoded octets stay as they are, so UTF-8 and Shift_JIS keywords match.
"""

import re
from urllib.parse import unquote_to_bytes

_mark = re.compile(rb"[%\\]|/[/.]").search
"""Finds what makes a target differ from its normalised form; most have none of it."""


def normalise_uri(target: bytes) -> bytes:
    """The normalised form of a target; the same object where nothing is to be done.

    In absolute-form, scheme and authority are kept as sent.
    """
    if not _mark(target):
        return target
    start = 0
    mark = target.find(b"://")
    if mark > 0 and target[:1] != b"/" and b"?" not in target[:mark]:
        start = _path_start(target, mark + 3)
    elif target[:1] != b"/":
        return unquote_to_bytes(target)
    path, query_mark, query = target[start:].partition(b"?")
    # Decoded before segments are judged: "%2e%2e%2f" walks up as "../" does. An encoded question mark
    # or number sign stays part of the path.
    path = unquote_to_bytes(path).replace(b"\\", b"/")
    return target[:start] + _remove_dot_segments(path) + query_mark + unquote_to_bytes(query)


def _path_start(target: bytes, pos: int) -> int:
    """Where the path, or what follows the authority in its place, begins in an absolute-form target."""
    ends = [at for stop in (b"/", b"\\", b"?", b"#") if (at := target.find(stop, pos)) >= 0]
    return min(ends, default=len(target))


def _remove_dot_segments(path: bytes) -> bytes:
    """RFC 3986, section 5.2.4, in one pass, with empty segments removed as well."""
    if b"//" not in path and b"/." not in path:
        return path
    segments = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    is_folder = segments[-1] in (b"", b".", b"..") and bool(kept)
    return b"/" + b"/".join(kept) + (b"/" if is_folder else b"")
