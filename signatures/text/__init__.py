"""Japanese text on the line: ways of writing, charsets, and the octets by which a word is found."""
