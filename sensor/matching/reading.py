"""How a keyword stood in the octets that matched: its form on the line, and as a person reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One match of a keyword."""

    keyword: str
    """As the signature states it."""
    form: str
    """What was undone to read it, outermost first, the charset last: ``utf-8``, ``percent shift_jis``."""
    folds: tuple[str, ...]
    """The folds (``signatures.model.Fold``) without which it would not have matched; empty if it was written
    as the signature states it."""
    text: str
    """The match and some characters around it, decoded."""
    text_start: int
    """Where in ``text`` the match starts, in characters."""
    text_end: int
