# Uses the daemon at the address given through Ruby's xmlrpc, and checks each answer.
# The table it expects is the one that tests/clients.rs inserts.
require "xmlrpc/client"

SERVER = XMLRPC::Client.new(ARGV[0], "/RPC2", ARGV[1].to_i)

def check(seen, expected, what)
  abort "#{what}: #{seen.inspect}, should be #{expected.inspect}" unless seen == expected
end

SESSION = SERVER.call("login", "anybody", "anything")
check(SESSION.length, 32, "the length of a session id")

def view(*rest)
  SERVER.call("view", SESSION, *rest)
end

page = view({}, "timeout", "DESC", 20, 10)
check(page["total"], 250, "the total")
check(page["table"].map { |row| row["orig_port_src"] }, 1179.downto(1170).to_a, "the third page by timeout")
check(page["table"].all? { |row| row["id"].is_a?(String) }, true, "the type of ids")

ids = (0...250).step(40).flat_map { |start| view({}, "id", "ASC", start, 40)["table"].map { |row| row["id"] } }
check(ids.uniq.length, 250, "the connections on all pages")

udp = view({ "orig_l4proto" => 17, "orig_port_dst" => 53 }, "orig_port_src", "ASC", 0, 5)
check(udp["total"], 50, "the UDP connections")
check(udp["table"].map { |row| row["orig_port_src"] }, (2000..2004).to_a, "their ports")
check(udp["table"].map { |row| row["mark"] }.uniq, [3_000_000_000], "their marks")
check(view({ "mark" => "3000000000" })["total"], 50, "filtered by a wide mark")
check(view({ "orig_src" => "10.0.0.3" })["total"], 20, "filtered by address")
check(view({ "host" => ["10.0.0.3", "10.0.0.4/32"] })["total"], 40, "filtered by two hosts")

def row_of(port)
  rows = view({ "orig_port_src" => port })["table"]
  check(rows.length, 1, "the connections from port #{port}")
  rows[0]
end

victims = [row_of(1000)["id"], row_of(1001)["id"]]
check(SERVER.call("kill", SESSION, victims), 2, "killed")
check(SERVER.call("kill", SESSION, victims), 0, "killed again")
check(SERVER.call("kill", SESSION, row_of(1002)["id"]), 1, "killed by a single id")
check(view["total"], 247, "what is left")

marked = row_of(1003)["id"]
check(SERVER.call("change", SESSION, "mark", marked, "3000000000"), true, "a mark changed")
check(row_of(1003)["mark"], 3_000_000_000, "the mark")
SERVER.call("change", SESSION, "mark", marked, "0x1/0xf")
check(row_of(1003)["mark"], 3_000_000_001, "the mark with one bit more")
SERVER.call("change", SESSION, "timeout", row_of(1004)["id"], 5000)
timeout = row_of(1004)["timeout"]
check(timeout.between?(4900, 5000), true, "the timeout #{timeout}")

ok, fault = SERVER.call2("view", "nonsense")
check([ok, fault.faultCode], [false, 2], "the fault of a session that is none")
ok, fault = SERVER.call2("view", SESSION, { "marc" => 1 })
check([ok, fault.faultCode, fault.faultString.include?("marc")], [false, 3, true], "the fault of a field that is none")
check(SERVER.multicall(["refresh", SESSION], ["set_autorefresh", SESSION, 1]), [true, true], "two calls in one")
check(SERVER.call("logout", SESSION), true, "the logout")
puts "fine"
