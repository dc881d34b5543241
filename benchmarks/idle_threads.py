"""A pause in which the threads of the last call come to rest.

OpenBLAS's threads spin for some 30 ms after a product, each on a core that the other peer would use in its turn: on two
cores, a prediction of 55 ms then takes 90.
"""

from time import process_time, sleep

PAUSE = 0.01
BUSY = 0.1 * PAUSE  # CPU seconds within a pause
MOST_PAUSES = 50


def wait_for_idle_threads() -> None:
    """Return when this process uses no CPU any more, or after half a second."""
    for _ in range(MOST_PAUSES):
        began = process_time()
        sleep(PAUSE)
        if process_time() - began < BUSY:
            return
