"""Measurements, each against a plain baseline in the same run."""
