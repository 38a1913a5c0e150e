"""Detections and the sensor's own log, on disk."""
