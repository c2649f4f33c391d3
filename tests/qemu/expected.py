"""The connections that init/src/bin/rctd-test-fill.rs writes and makes, as the daemon's documentation says they are to be shown."""

AF_INET, AF_INET6 = 2, 10
ICMP, TCP, UDP = 1, 6, 17
ESTABLISHED = 3
STATUS = 0xE
# Real connection n sends n datagrams of 100 bytes of payload: 28 more are the headers of IPv4 and UDP.
REAL, REAL_PORT, DATAGRAM = 16, 30000, 128


def connection(i):
    """The fields of written connection `i` that don't change: all but its id, its use count and its timeout."""
    v6, icmp, subnet, host = i % 10 == 9, i % 50 == 8, i // 250, i % 250 + 1
    if v6:
        source, destination, name = f"2001:db8:0:{subnet:x}::{host:x}", "2001:db8:ffff::1", "ipv6"
        if subnet == 0:
            source = f"2001:db8::{host:x}"
    else:
        source, destination, name = f"192.168.{subnet}.{host}", f"198.51.100.{i % 200 + 1}", "ipv4"
    masqueraded = i % 7 == 0 and not v6 and not icmp
    protocol = ICMP if icmp else UDP if i % 3 == 0 else TCP
    flow = {
        "status": STATUS,
        "zone": 0,
        "mark": 0x80000000 | i if i % 5 == 0 else i * 0x10001 & 0xFFFFFFFF,
        "orig_counter_packets": 0, "orig_counter_bytes": 0, "repl_counter_packets": 0, "repl_counter_bytes": 0,
        f"orig_{name}_src": source, f"orig_{name}_dst": destination,
        f"repl_{name}_src": destination, f"repl_{name}_dst": "203.0.113.1" if masqueraded else source,
    }
    for way in ("orig", "repl"):
        flow[way + "_l3proto"] = AF_INET6 if v6 else AF_INET
        flow[way + "_l4proto"] = protocol
    if icmp:
        flow.update(icmp_type=8, icmp_code=0, icmp_id=i)
    else:
        service = (53, 80, 443, 8443)[i % 4]
        flow.update(orig_port_src=1024 + i, orig_port_dst=service, repl_port_src=service)
        flow["repl_port_dst"] = 20000 + i if masqueraded else 1024 + i
    if protocol == TCP:
        flow["tcp_state"] = ESTABLISHED
    if masqueraded:
        flow.update(nat="src", nat_src=f"203.0.113.1:{20000 + i}")
    return flow


def number(flow):
    """Which written connection a row of the daemon is; None for one that was not written but came by itself."""
    source = flow.get("orig_ipv4_src", flow.get("orig_ipv6_src", ""))
    if not source.startswith(("192.168.", "2001:db8:")):
        return None
    if "icmp_id" in flow:
        return flow["icmp_id"]
    return flow["orig_port_src"] - 1024
