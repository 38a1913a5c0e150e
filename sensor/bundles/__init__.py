"""Signed bundles on a device: fetched over HTTPS, and installed so that there is always a whole set."""
