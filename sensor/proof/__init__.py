"""Signatures proved by the code that lines are watched with: their samples, and what captures show."""
