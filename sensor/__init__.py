"""The watchdog packet sensor."""
