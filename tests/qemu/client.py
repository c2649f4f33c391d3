#!/usr/bin/env python3
"""client.py URL [COUNT]: tries the daemon on the booted router from outside, with Python's own XML-RPC.

The router's table is known, field by field: see expected.py. Each check prints a line; the exit status is 0 only
if all hold.
"""
import sys
import time
import xmlrpc.client

from expected import DATAGRAM, REAL, REAL_PORT, UDP, connection, number

# Seconds that may have gone by on the router between the writing of a timeout and its reading.
SLACK = 120
PAGE = 250


class Session:
    """A session with the daemon, and the count of what did not hold."""

    def __init__(self, url):
        self.proxy = xmlrpc.client.ServerProxy(url)
        self.failed = 0
        self.id = self._login()

    def _login(self):
        """Logs in, waiting for the daemon to listen: QEMU accepts before the router does, and then drops."""
        end = time.monotonic() + 20
        while True:
            try:
                return self.proxy.login()
            except (OSError, xmlrpc.client.ProtocolError, xmlrpc.client.expat.ExpatError) as error:
                if time.monotonic() > end:
                    sys.exit(f"client.py: the daemon did not answer within 20 s: {error}")
                time.sleep(0.2)

    def view(self, filters=None, order="", way="ASC", start=0, length=-1):
        """A page of the table."""
        return self.proxy.view(self.id, filters or {}, order, way, start, length)

    def check(self, right, text):
        """One line on one thing that must be so."""
        print(f"{'ok' if right else 'FAILED'}: {text}", flush=True)
        self.failed += not right

    def fault(self, code, text, method, *arguments):
        """The call must end in this fault."""
        try:
            answer = getattr(self.proxy, method)(self.id, *arguments)
            self.check(False, f"{text}: fault {code} expected, the answer was {answer!r}")
        except xmlrpc.client.Fault as fault:
            self.check(fault.faultCode == code, f"{text}: fault {fault.faultCode}, {fault.faultString}")


def plain(row):
    """A row with the numbers as integers, whatever type they came as."""
    return {field: int(value) if isinstance(value, float) else value for field, value in row.items()}


def real_ones(session):
    """Counters, and the order by them, first: real connections without an answer are gone after 30 s."""
    page = session.view({"orig_port_dst": 20053, "orig_l4proto": UDP}, "bytes", "DESC", 0, REAL)
    rows = [plain(row) for row in page["table"]]
    seen = [(row["orig_port_src"] - REAL_PORT, row["orig_counter_packets"], row["orig_counter_bytes"]) for row in rows]
    session.check(seen == [(n, n, n * DATAGRAM) for n in range(REAL, 0, -1)], f"{REAL} real connections, sorted by bytes")


def pages(session, count):
    """All pages together are the whole table, and every field of every row is right. Returns ids by number."""
    ids, wrong, start = {}, [], 0
    began = time.monotonic()
    while True:
        page = session.view({"mark": "!0"}, "id", "ASC", start, PAGE)
        for row in map(plain, page["table"]):
            i = number(row)
            want = connection(i)
            got = {field: value for field, value in row.items() if field not in ("id", "use", "timeout") and not field.endswith("_rate")}
            if got != want or not 3600 + i - SLACK <= row["timeout"] <= 3600 + i:
                wrong.append((i, row, want))
            ids[i] = row["id"]
        start += PAGE
        if len(page["table"]) < PAGE:
            break
    took = time.monotonic() - began
    # Connection 0 has the mark 0x80000000, so none of them has none.
    session.check(sorted(ids) == list(range(count)), f"{len(ids)} of {count} connections, in pages of {PAGE}, {took:.1f} s")
    session.check(not wrong, f"every field of every row is what was written; {len(wrong)} are not" + "".join(f"\n  {w}" for w in wrong[:3]))
    return ids


def numbers(page):
    """Which written connections are on a page, in its order."""
    return [number(plain(row)) for row in page["table"]]


def queries(session, count):
    """Filters of every kind and orders, against the list they should give."""
    every = {i: connection(i) for i in range(count)}
    for filters, keep in (
        ({"orig_ipv4_src": "192.168.3.0/24"}, lambda i, f: f.get("orig_ipv4_src", "").startswith("192.168.3.")),
        ({"orig_src": "2001:db8:0:2::/64"}, lambda i, f: f.get("orig_ipv6_src", "").startswith("2001:db8:0:2:")),
        ({"repl_ipv4_dst": "203.0.113.1"}, lambda i, f: f.get("repl_ipv4_dst") == "203.0.113.1"),
        ({"orig_port_src": "1100-1199", "orig_l4proto": UDP}, lambda i, f: 1100 <= f.get("orig_port_src", 0) < 1200 and f["orig_l4proto"] == UDP),
        ({"mark": "0x80000000/0x80000000", "orig_port_dst": 443}, lambda i, f: f["mark"] >> 31 and f.get("orig_port_dst") == 443),
        ({"icmp_type": 8, "icmp_id": "0-999"}, lambda i, f: f.get("icmp_id", 1000) < 1000),
    ):
        want = [i for i, flow in every.items() if keep(i, flow)]
        page = session.view(filters, "timeout", "ASC")
        session.check(numbers(page) == want and page["total"] == len(want), f"{filters}: {page['total']} connections, in order")
    by_mark = sorted(every, key=lambda i: -every[i]["mark"])
    session.check(numbers(session.view({}, "mark", "DESC", 0, 100)) == by_mark[:100], "the 100 highest marks")
    session.check(numbers(session.view({"mark": "!0"}, "mark", "DESC", 2000, 100)) == by_mark[2000:2100], "100 marks from the 2,000th on")


def changes(session, ids):
    """kill and change, and the table read back: what was meant is different, and nothing else."""
    doomed = [10, 19, 58, 4999]
    session.check(session.proxy.kill(session.id, [ids[i] for i in doomed]) == len(doomed), "kill says 4")
    session.check(session.proxy.kill(session.id, [ids[10]]) == 0, "kill of what is gone says 0")
    session.check(session.proxy.change(session.id, "mark", ids[100], str(0xFFFEFDFC)) is True, "change of a mark")
    session.check(session.proxy.change(session.id, "timeout", ids[101], 86400) is True, "change of a timeout")
    session.fault(4, "change of what is gone", "change", "mark", ids[10], 1)
    session.fault(3, "an unknown field", "view", {"orig_colour": 1})
    rows = {number(row): row for row in map(plain, session.view({"mark": "!0"})["table"])}
    session.check(sorted(rows) == [i for i in sorted(ids) if i not in doomed], "exactly those are gone")
    session.check(rows[100]["mark"] == 0xFFFEFDFC, "the mark is what it was changed to")
    session.check(86400 - SLACK <= rows[101]["timeout"] <= 86400, "the timeout is what it was changed to")
    same = all(row["mark"] == connection(i)["mark"] for i, row in rows.items() if i != 100)
    session.check(same, "no other mark is different")
    network = {"orig_ipv4_src": "192.168.9.0/24"}
    want = session.view(network, "", "ASC", 0, 0)["total"]
    session.check(session.proxy.kill_matching(session.id, network) == want > 0, f"kill_matching of a network: {want}")
    session.check(session.view(network)["total"] == 0, "and then there are none")


def main(arguments):
    """All checks in turn."""
    url, count = arguments[0], int(arguments[1]) if len(arguments) > 1 else 5000
    session = Session(url)
    session.check(len(session.id) == 32, "login")
    real_ones(session)
    ids = pages(session, count)
    if len(ids) == count:
        queries(session, count)
        changes(session, ids)
    stats = session.proxy.stats(session.id)
    session.check(stats["count"] > 0 and stats["max"] == 65536, f"stats: {stats['count']} of {stats['max']}, version {stats['version']}")
    session.proxy.logout(session.id)
    session.fault(2, "a view after logout", "view")
    return 1 if session.failed else 0


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: client.py URL [COUNT]")
    sys.exit(main(sys.argv[1:]))
