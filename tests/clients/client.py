"""Uses the daemon at the address given as any program in Python would, and checks each answer.

The table it expects is the one that tests/clients.rs inserts.
"""
import sys
import xmlrpc.client

server = xmlrpc.client.ServerProxy("http://%s:%s" % tuple(sys.argv[1:3]))


def check(seen, expected, what):
    if seen != expected:
        sys.exit("%s: %r, should be %r" % (what, seen, expected))


session = server.login("anybody", "anything")
check(len(session), 32, "the length of a session id")


def view(filters, *rest):
    return server.view(session, filters, *rest)


page = view({}, "timeout", "DESC", 20, 10)
check(page["total"], 250, "the total")
check([row["orig_port_src"] for row in page["table"]], list(range(1179, 1169, -1)), "the third page by timeout")
check({type(row["id"]) for row in page["table"]}, {str}, "the type of ids")

ids = set()
for start in range(0, 250, 40):
    ids |= {row["id"] for row in view({}, "id", "ASC", start, 40)["table"]}
check(len(ids), 250, "the connections on all pages")

udp = view({"orig_l4proto": 17, "orig_port_dst": 53}, "orig_port_src", "ASC", 0, 5)
check(udp["total"], 50, "the UDP connections")
check([row["orig_port_src"] for row in udp["table"]], [2000, 2001, 2002, 2003, 2004], "their ports")
check({row["mark"] for row in udp["table"]}, {3000000000}, "their marks")
# xmlrpc.client refuses to send integers beyond 32 bits: they go as strings.
check(view({"mark": "3000000000"})["total"], 50, "filtered by a wide mark")
check(view({"orig_src": "10.0.0.3"})["total"], 20, "filtered by address")
check(view({"host": ["10.0.0.3", "10.0.0.4/32"]})["total"], 40, "filtered by two hosts")


def id_of(port):
    rows = view({"orig_port_src": port})["table"]
    check(len(rows), 1, "the connections from port %d" % port)
    return rows[0]["id"]


victims = [id_of(1000), id_of(1001)]
check(server.kill(session, victims), 2, "killed")
check(server.kill(session, victims), 0, "killed again")
check(server.kill(session, id_of(1002)), 1, "killed by a single id")
check(view({})["total"], 247, "what is left")

marked = id_of(1003)
check(server.change(session, "mark", marked, "3000000000"), True, "a mark changed")
check(view({"id": marked})["table"][0]["mark"], 3000000000, "the mark")
server.change(session, "mark", marked, "0x1/0xf")
check(view({"id": marked})["table"][0]["mark"], 3000000001, "the mark with one bit more")
server.change(session, "timeout", id_of(1004), 5000)
timeout = view({"orig_port_src": 1004})["table"][0]["timeout"]
check(4900 <= timeout <= 5000, True, "the timeout %d" % timeout)

try:
    server.view("nonsense")
    sys.exit("a session that is none was taken")
except xmlrpc.client.Fault as fault:
    check(fault.faultCode, 2, "the fault of a session that is none")
try:
    view({"marc": 1})
    sys.exit("a field that is none was taken")
except xmlrpc.client.Fault as fault:
    check((fault.faultCode, "marc" in fault.faultString), (3, True), "the fault of a field that is none")

multi = xmlrpc.client.MultiCall(server)
multi.refresh(session)
multi.set_autorefresh(session, 1)
check(list(multi()), [True, True], "two calls in one")
check("view" in server.system.listMethods(), True, "view is listed")
check(server.logout(session), True, "the logout")
print("fine")
