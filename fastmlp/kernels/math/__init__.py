"""Elementary functions on vector lanes, and random bits."""
