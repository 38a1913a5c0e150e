"""Tests, mirroring the packages: tests/decode/test_ipv4.py holds sensor/decode/ipv4.py to its word.

Every folder with tests is a package (has an ``__init__.py``), so that file names may repeat.
"""
