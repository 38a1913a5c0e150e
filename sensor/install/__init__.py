"""The service's place in the system: its unit, its configuration file, and whether it could start there."""
