"""Signatures: their model, the files they come from, and the sets that ship with the sensor."""
