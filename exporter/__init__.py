"""What leaves the sensor: EVE JSON, metrics."""
