"""A capture worker: a process that reads hostile packets, with no rights of its own."""
