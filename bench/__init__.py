"""Measurements, as ratios between things that ran side by side; never part of a test."""
