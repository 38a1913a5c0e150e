"""The parent of live capture: opens what needs rights, keeps the books, and never parses a packet."""
