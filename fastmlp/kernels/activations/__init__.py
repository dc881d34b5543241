"""Activations and their derivatives, in place."""
