"""Records, pointers, vectors, the barrier."""
