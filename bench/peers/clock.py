"""How PyTorch is timed: as striate bench times striate, by the median."""

import time


def median_ms(work, seconds, least=5):
    """The median time of a call in milliseconds, after two that do not count."""
    work()
    work()
    times = []
    start = time.perf_counter()
    while len(times) < least or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return sorted(times)[len(times) // 2] * 1e3
