"""How often a term stands in ordinary Japanese and English text, by a table that is shipped."""
