"""Where the ciphertext of one direction of TLS begins and ends: a walk over all its octets at once."""


def ciphertext(octets: bytes) -> tuple[int, int]:
    """First octet behind the first application_data header, first octet that is no record's; or (0, 0)."""
    at, begin = 0, -1
    while at < len(octets):
        head = octets[at : at + 5]
        for place, octet in enumerate(head):
            if not _may_stand(head[:place], octet, is_first=at == 0):
                return (begin, at + place) if begin >= 0 else (0, 0)
        if len(head) < 5:
            break
        at += 5
        if head[0] == 23 and begin < 0:
            begin = at
        at += int.from_bytes(head[3:], "big")
    return (begin, len(octets)) if begin >= 0 else (0, 0)


def _may_stand(before: bytes, octet: int, *, is_first: bool) -> bool:
    match len(before):
        case 0:
            return octet == 22 if is_first else octet in (20, 21, 22, 23, 24)
        case 1:
            return octet == 3
        case 2:
            return octet in (0, 1, 2, 3, 4)
        case 3:
            return octet * 256 <= 16384 + 2048
        case _:
            return before[3] * 256 + octet <= 16384 + 2048
