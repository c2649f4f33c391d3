"""Makes each call twice, once for a reply in XML-RPC and once for one in JSON, and checks that both mean the same.

Python's own libraries read both. The table is the one that tests/json.rs inserts; nothing changes it but these calls.

Usage: compare.py HOST PORT WIDE PASSWD [PASSWORD], where WIDE is the daemon's --wide-ints, PASSWD the file with users'
names and PASSWORD that of the user "admin", if there is one.
"""
import http.client
import json
import sys
import xmlrpc.client

HOST, PORT, WIDE, PASSWD = sys.argv[1:5]
CREDENTIALS = ["admin", sys.argv[5]] if len(sys.argv) > 5 else []

XML, JSON = "text/xml", "application/json"
# Seconds that may pass between the two calls of a pair, on a busy machine.
PATIENCE = 120
# What the table has.
ROWS, WIDE_MARK = 3000, 0xFFFFFFFF

called = set()
faults = set()


def fail(what):
    sys.exit(what if len(what) < 2000 else what[:2000] + "...")


def check(seen, expected, what):
    if seen != expected:
        fail("%s: %r, should be %r" % (what, seen, expected))


class Wire:
    """A connection that is kept."""

    def __init__(self, version=11):
        self.http = http.client.HTTPConnection(HOST, int(PORT), timeout=60)
        self.http._http_vsn = version
        self.http._http_vsn_str = "HTTP/%d.%d" % divmod(version, 10)

    def post(self, body, accept):
        headers = {"Content-Type": "text/xml"}
        if accept is not None:
            headers["Accept"] = accept
        self.http.request("POST", "/RPC2", body, headers)
        reply = self.http.getresponse()
        return reply, reply.read()


wire = Wire()


def refuse(text):
    raise ValueError("%s is no whole number" % text)


def members(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in %r" % pairs)
    return found


def read_json(body):
    text = body.decode("utf-8")
    return json.loads(text, parse_float=refuse, parse_constant=refuse, object_pairs_hook=members)


def read_xml(body):
    try:
        (value,), _ = xmlrpc.client.loads(body, use_builtin_types=True)
        return value
    except xmlrpc.client.Fault as fault:
        return {"faultCode": fault.faultCode, "faultString": fault.faultString}


def ask(body, accept):
    """The answer in the syntax that is asked for, and its bytes."""
    reply, bytes_ = wire.post(body, accept)
    check(reply.status, 200, "the status of %.300r" % body)
    check(reply.getheader("Content-Type").split(";")[0].strip(), accept, "the type of the reply to %.300r" % body)
    try:
        return (read_json if accept == JSON else read_xml)(bytes_), bytes_
    except Exception as error:
        fail("%s can't be read as %s: %s: %r" % (body, accept, error, bytes_))


def xml_text(text):
    """What XML-RPC makes of a text: it can't carry every character."""
    bad = lambda c: (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff"
    return "".join("\ufffd" if bad(c) else c for c in text)


def same_number(xml, number):
    if -(2**31) <= number < 2**31:
        return type(xml) is int and xml == number
    if WIDE == "double":
        return type(xml) is float and xml == float(number) and (number > 2**53 or int(xml) == number)
    return xml == (str(number) if WIDE == "string" or number >= 2**63 else number)


def compare(xml, other, where, loose=False):
    """Fails unless both are the same value; with `loose` numbers may differ, since they have moved on."""
    if type(other) is bool:
        same = xml is other
    elif type(other) is int:
        same = isinstance(xml, (int, float, str)) and (loose or same_number(xml, other))
        if where.endswith((".timeout", ".snapshot_age")):
            same = type(xml) is int and abs(xml - other) <= PATIENCE
    elif type(other) is str:
        same = xml == xml_text(other)
    elif type(other) is list:
        same = type(xml) is list and len(xml) == len(other)
        if same:
            for at, (a, b) in enumerate(zip(xml, other)):
                compare(a, b, "%s[%d]" % (where, at), loose)
    else:
        # A rate may have become known between the two calls.
        known = lambda struct: sorted(name for name in struct if not name.endswith("_rate") and name != "rate")
        same = type(xml) is dict and known(xml) == known(other)
        if same:
            for name in (name for name in other if name in xml):
                compare(xml[name], other[name], "%s.%s" % (where, name), loose)
    if not same:
        fail("%s: XML has %r, JSON %r" % (where, xml, other))


def body_of(method, params):
    return xmlrpc.client.dumps(tuple(params), method, encoding="utf-8", allow_none=True).encode("utf-8")


def both(method, *params, loose=False, other=None, by_id=False):
    """Calls it both ways, with the parameters `other` the second time if they are given, and compares."""
    xml, _ = ask(body_of(method, params), XML)
    value, _ = ask(body_of(method, params if other is None else other), JSON)
    if by_id:
        for answer in (xml, value):
            answer["table"].sort(key=lambda row: row["id"])
    compare(xml, value, method, loose)
    if type(value) is dict and "faultCode" in value:
        fail("%s%r: %r" % (method, params, value))
    called.add(method)
    return value


def fault(code, method, *params):
    fault_of(code, body_of(method, params))


def fault_of(code, body):
    xml, _ = ask(body, XML)
    value, _ = ask(body, JSON)
    compare(xml, value, "the fault of %.200r" % body)
    check(sorted(value), ["faultCode", "faultString"], "the members of a fault")
    check(value["faultCode"], code, "the fault of %.200r: %r" % (body, value))
    faults.add(code)


# Sessions.
xml, _ = ask(body_of("login", CREDENTIALS), XML)
session, _ = ask(body_of("login", CREDENTIALS), JSON)
check((len(xml), len(session)), (32, 32), "two sessions: %r and %r" % (xml, session))
called.add("login")
if CREDENTIALS:
    fault(1, "login", "admin", "guess")
    fault(2, "view", "0" * 32)
both("logout", xml, other=[session])
session, _ = ask(body_of("login", CREDENTIALS), JSON)

# What the daemon says of itself.
methods = both("system.listMethods")
for name in methods:
    both("system.methodHelp", name)
    both("system.methodSignature", name)
stats = both("stats", session, loose=True)
check([type(stats[name]) for name in ("count", "uptime", "version")], [int, int, str], "members of stats")


def view(*rest, **how):
    return both("view", session, *rest, **how)


# Whole listings, which stream, and pages, which are sorted.
whole = view(by_id=True)
check((len(whole["table"]), whole["total"]), (ROWS, ROWS), "the rows of a listing")
_, bytes_ = ask(body_of("view", [session]), JSON)
if len(bytes_) <= 8192:
    fail("a listing of %d bytes is not streamed" % len(bytes_))
check(sum(row["mark"] == WIDE_MARK for row in whole["table"]), 1, "connections with the widest mark")
for order in ("id", "timeout", "orig_src", "mark", "orig_port_dst"):
    for direction in ("ASC", "DESC"):
        page = view({}, order, direction, 100, 50)
        check(len(page["table"]), 50, "a page by %s" % order)
view({}, "id", "ASC", 0, 2500)
view({}, "id", "ASC", ROWS - 5, 50)
check(view({}, "id", "ASC", ROWS, 50)["table"], [], "a page behind the end")
check(view({}, "", "ASC", 0, 0)["table"], [], "a page of no rows")
view({"orig_l4proto": 6, "orig_port_dst": "443"}, by_id=True)
view({"mark": "0xffffffff"})
check(view({"orig_src": "203.0.113.77"})["total"], 0, "a filter that matches nothing")
for names in (["id"], ["mark", "username"], ["orig_ipv4_src", "orig_ipv6_src", "timeout"]):
    rows = view({}, "id", "DESC", 10, 20, {"fields": names})["table"]
    known = {"id", *names}
    check([set(row) - known for row in rows], [set()] * 20, "members beside %r" % names)

# Users' names hold whatever their file has.
with open(PASSWD, encoding="utf-8", newline="\n") as file:
    users = {int(line.split(":")[2]): line.split(":")[0] for line in file.read().split("\n") if line}
named = [row for row in whole["table"] if "username" in row]
for row in named:
    check(row["username"], users[row["user_id"]], "a user's name in JSON")
check({row["user_id"] for row in named}, set(users), "users with a connection")

# Changes: what is killed is gone, so each of the two calls has its own victims.
rows = view({}, "id", "ASC", 0, 12)["table"]
ids = [row["id"] for row in rows]
check(both("kill", session, ids[0:2], other=[session, ids[2:4]]), 2, "killed by ids")
check(both("kill", session, ids[0:4]), 0, "killed again")
check(both("kill_matching", session, {"id": ids[4]}, other=[session, {"id": ids[5]}]), 1, "killed by a filter")
check(both("change", session, "mark", ids[6], "4294967295"), True, "a mark changed")
check(view({"id": ids[6]})["table"][0]["mark"], WIDE_MARK, "the mark")
both("change", session, "timeout", ids[7], 5000, other=[session, "timeout", ids[8], 5000])
fault(5, "change", session, "timeout", ids[7], 5000)
both("refresh", session)
changed = both("change_matching", session, "mark", {"id": ids[9]}, 7, other=[session, "mark", {"id": ids[10]}, 7])
check(changed, 1, "marks changed by a filter")
if "explain" in methods:
    both("explain", {"orig_l4proto": 6, "port": "443"})
if "summary" in methods:
    both("summary", session, "orig_l4proto", {}, "connections", "DESC", 0, 5, loose=True)

# Faults.
fault_of(-32700, "<methodCall><methodName>view</methodName>")
fault_of(-32700, "")
fault_of(-32600, "<methodResponse><params></params></methodResponse>")
fault(-32601, "no.such.procedure")
fault_of(-32600, '<methodCall><methodName>"\\</methodName></methodCall>')
fault(-32602, "view", session, 'quotes " and \\')
fault(-32602, "kill", session)
fault(2, "view", "nonsense")
fault(3, "view", session, {'marc"\\\u00e9': 1})
fault(4, "change", session, "mark", "1", 1)

# Many calls in one, a fault among them, a listing and pages inside.
call = lambda method, *params: {"methodName": method, "params": list(params)}
calls = [
    call("refresh", session),
    call("nothing"),
    call("view", session, {}, "id", "ASC", 0, 30),
    call("view", session, {"marc": 1}),
    call("view", session),
    call("system.listMethods"),
    call("view", "nonsense"),
]
xml, _ = ask(body_of("system.multicall", [calls]), XML)
answers, _ = ask(body_of("system.multicall", [calls]), JSON)
for answer in (xml, answers):
    answer[4][0]["table"].sort(key=lambda row: row["id"])
compare(xml, answers, "system.multicall")
called.add("system.multicall")
check([type(answer) for answer in answers], [list, dict, list, dict, list, list, dict], "kinds of answers")
check([answers[at]["faultCode"] for at in (1, 3, 6)], [-32601, 3, 2], "faults inside")
check(len(answers[4][0]["table"]), ROWS - 6, "rows of a listing inside")
check(both("system.multicall", []), [], "no calls")

# A snapshot, or the fault of a table that does not fit it.
if both("view", session, {}, "", "", 0, 0)["count"] > 1000:
    fault(7, "set_autorefresh", session, 0)
both("kill_matching", session, {"orig_l3proto": 10}, loose=True)
both("kill_matching", session, {"orig_port_dst": "1-50000"}, loose=True)
if both("view", session, {}, "", "", 0, 0)["count"] > 1000:
    fail("too much is left for a snapshot")
check(both("set_autorefresh", session, 0), True, "autorefresh off")
check(view(by_id=True)["autorefresh"], 0, "what a view says of it")
view({}, "orig_src", "ASC", 5, 20)
both("refresh", session)
both("set_autorefresh", session, 1)

# Who gets what: JSON for those who name it.
body = body_of("system.listMethods", [])
for accept, kind in [
    (None, XML),
    ("*/*", XML),
    ("text/xml", XML),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML),
    ("application/json;q=0", XML),
    ("application/json, text/plain, */*", JSON),
    ("APPLICATION/JSON", JSON),
]:
    reply, bytes_ = wire.post(body, accept)
    check((reply.status, reply.getheader("Content-Type").split(";")[0]), (200, kind), "Accept: %s" % accept)
    check((read_json if kind == JSON else read_xml)(bytes_), methods, "the reply to Accept: %s" % accept)

# To HTTP/1.0 a listing comes without chunks, and ends with the connection.
reply, bytes_ = Wire(10).post(body_of("view", [session]), JSON)
check((reply.status, reply.getheader("Transfer-Encoding")), (200, None), "a reply to HTTP/1.0")
check(read_json(bytes_)["total"], view(by_id=True)["total"], "its total")

missing = set(methods) - called
if missing:
    fail("no line here calls %s" % ", ".join(sorted(missing)))
check(faults - {1}, {-32700, -32600, -32601, -32602, 2, 3, 4, 5, 7}, "the faults that were compared")
print("fine")
