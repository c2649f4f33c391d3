#!/usr/bin/env python3
"""measure.py URL: how long the daemon on the booted router takes for pages, as seen from outside. Medians of five."""
import statistics
import sys
import time

from client import Session

# What is asked, and the call's filters, order, direction, start and length.
PAGES = (
    ("first page of 50 by bytes", ({}, "bytes", "DESC", 0, 50)),
    ("first page of 50 by source", ({}, "orig_src", "ASC", 0, 50)),
    ("page of 50 of one host", ({"orig_src": "192.168.3.7"}, "bytes", "DESC", 0, 50)),
    ("page of 50 from the middle by timeout", ({}, "timeout", "ASC", 4000, 50)),
    ("no row, the count alone", ({}, "", "ASC", 0, 0)),
)


def main(url):
    """A line for each kind of page."""
    session = Session(url)
    for what, call in PAGES:
        took = []
        for _ in range(5):
            began = time.monotonic()
            session.view(*call)
            took.append(time.monotonic() - began)
        print(f"{what}: {statistics.median(took) * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: measure.py URL")
    main(sys.argv[1])
