"""What leaves the sensor: EVE JSON, tables, CSV and JSON of detections, progress."""
