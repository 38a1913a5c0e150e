"""Files of whatever charset, told by what is in them.

UTF-8 has a form that text of another charset hardly ever takes by chance, so it is tried first; UTF-16 has
its byte order mark, or NULs in every other octet; what is left is CP932, as Japanese editors on Windows
write it, if it fits.
"""

from typing import Final

from signatures.importing.result import RefusedError

MAX_FILE = 64 * 1024 * 1024
"""Octets; the largest public rule sets have 40."""
_MARKS: Final = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def decode_text(octets: bytes, latin: bool = False) -> tuple[str, str]:
    """Text with LF line ends, and the name of its charset.

    :param latin: whether what fits nothing is taken octet by octet (ISO 8859-1): old rules have such names.
    :raises RefusedError: if it is no text.
    """
    charset = _charset(octets)
    try:
        text = octets.decode(charset)
    except UnicodeDecodeError as error:
        if not latin:
            raise RefusedError("(text)", "is not UTF-8, UTF-16 or CP932; save it as UTF-8") from error
        charset, text = "iso8859-1", octets.decode("iso8859-1")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"), charset


def lines_of(text: str) -> list[str]:
    """Its lines; what stands behind the last one's end is none."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _charset(octets: bytes) -> str:
    for mark, name in _MARKS:
        if octets.startswith(mark):
            return name
    head = octets[:4096]
    if b"\0" in head:
        # Of the characters that most lines have, the half above is NUL.
        return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return "cp932"
    return "utf-8"
