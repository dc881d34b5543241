"""Losses and their deltas."""
