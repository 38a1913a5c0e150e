"""How much a signature may hold, and why no more."""

from typing import Final

MAX_SID: Final = 2**31
BUILTIN_SIDS: Final = range(1_000_000, 2_000_000)
"""Of shipped signatures alone, so that no update of theirs takes a sid that an operator uses."""
SUBSCRIBER_SIDS: Final = range(9_000_000, 10_000_000)
"""The only ones for subscribers, whom nobody asks which are free; operators' older files use them too."""

MAX_TEXT: Final = 1024
"""Characters of a name, a description, a reference: they are shown on one line."""
MAX_KEYWORD_CHARACTERS: Final = 64
"""Every character multiplies the forms that a keyword may take on the line."""
MAX_OCTETS: Final = 255
"""Of a keyword in UTF-8, or of a content. The longest name in DNS; as the longest literal, less one, is what
a stream's tail carries from batch to batch, this bounds the memory of every open stream."""
MAX_TEXTS: Final = 10_000
"""Keywords, contents or domains of a clause: what a sensor is measured with in all."""
MAX_REGEX: Final = 1024
MAX_REGEXES: Final = 256
"""Of a clause; each is compiled alone when it is checked."""
MAX_CLAUSES: Final = 32
"""Of a signature: a flow remembers of each, for each signature that began to match, whether it did."""
MAX_POSITION: Final = 2**31
"""``offset`` and ``depth``, in octets."""
MAX_DISTANCE: Final = 2**20
"""``distance`` and ``within``, in octets; Suricata's bound."""

MAX_NETWORKS: Final = 256
"""Of a key; looked through one after the other, for what matched alone."""
MAX_PORTS: Final = 256
MAX_SUPPRESSIONS: Final = 64
MAX_HOURS: Final = 24
MAX_FLAGS: Final = 16
MAX_FLAG: Final = 64
MAX_COUNT: Final = 1_000_000
MAX_SECONDS: Final = 7 * 24 * 60 * 60
"""A week: for so long a threshold's counter of an address may be in memory."""
MAX_REFERENCES: Final = 64

MAX_SAMPLES: Final = 64
"""Of those that match, and of those that do not."""
MAX_SAMPLE: Final = 65_536
"""Octets of a sample; a signature with several at this size is better tried on a capture."""
