<?php
// Uses the daemon at the address given through PHP's xmlrpc extension, and checks each answer.
// The table it expects is the one that tests/clients.rs inserts.

function check($seen, $expected, $what) {
    if ($seen !== $expected) {
        fwrite(STDERR, "$what: " . var_export($seen, true) . ", should be " . var_export($expected, true) . "\n");
        exit(1);
    }
}

function call($method, ...$params) {
    global $argv;
    $body = xmlrpc_encode_request($method, $params);
    $context = stream_context_create(["http" => [
        "method" => "POST", "header" => "Content-Type: text/xml\r\n", "content" => $body, "timeout" => 20,
    ]]);
    $reply = file_get_contents("http://$argv[1]:$argv[2]/RPC2", false, $context);
    check($reply !== false, true, "a reply to $method");
    return xmlrpc_decode($reply);
}

$session = call("login", "anybody", "anything");
check(strlen($session), 32, "the length of a session id");

// PHP has no empty Struct: the extension sends an empty Array for an object without members, too.
$none = [];
$page = call("view", $session, $none, "timeout", "DESC", 20, 10);
check($page["total"], 250, "the total");
check(array_column($page["table"], "orig_port_src"), range(1179, 1170), "the third page by timeout");
check(is_string($page["table"][0]["id"]), true, "the type of ids");

$ids = [];
for ($start = 0; $start < 250; $start += 40) {
    $ids = array_merge($ids, array_column(call("view", $session, $none, "id", "ASC", $start, 40)["table"], "id"));
}
check(count(array_unique($ids)), 250, "the connections on all pages");

$udp = call("view", $session, ["orig_l4proto" => 17, "orig_port_dst" => 53], "orig_port_src", "ASC", 0, 5);
check($udp["total"], 50, "the UDP connections");
check(array_column($udp["table"], "orig_port_src"), range(2000, 2004), "their ports");
check((int) $udp["table"][0]["mark"], 3000000000, "their mark");

// The extension sends what does not fit 32 bits as its two's complement; if it ever stops, this is no test of that.
check(strpos(xmlrpc_encode_request("m", [3000000000]), "<int>-1294967296</int>") !== false, true, "the encoder");
check(call("view", $session, ["mark" => 3000000000])["total"], 50, "filtered by a wide mark");
check(call("view", $session, ["orig_src" => "10.0.0.3"])["total"], 20, "filtered by address");
check(call("view", $session, ["host" => ["10.0.0.3", "10.0.0.4/32"]])["total"], 40, "filtered by two hosts");

function row_of($port) {
    global $session;
    $rows = call("view", $session, ["orig_port_src" => $port])["table"];
    check(count($rows), 1, "the connections from port $port");
    return $rows[0];
}

$victims = [row_of(1000)["id"], row_of(1001)["id"]];
check(call("kill", $session, $victims), 2, "killed");
check(call("kill", $session, $victims), 0, "killed again");
check(call("kill", $session, row_of(1002)["id"]), 1, "killed by a single id");
check(call("view", $session, $none)["total"], 247, "what is left");

$marked = row_of(1003)["id"];
check(call("change", $session, "mark", $marked, 3000000000), true, "a mark changed");
check((int) row_of(1003)["mark"], 3000000000, "the mark");
call("change", $session, "mark", $marked, "0x1/0xf");
check((int) row_of(1003)["mark"], 3000000001, "the mark with one bit more");
call("change", $session, "timeout", row_of(1004)["id"], 5000);
$timeout = row_of(1004)["timeout"];
check($timeout >= 4900 && $timeout <= 5000, true, "the timeout $timeout");

$fault = call("view", "nonsense");
check(xmlrpc_is_fault($fault), true, "a session that is none is a fault");
check($fault["faultCode"], 2, "the fault of a session that is none");
$fault = call("view", $session, ["marc" => 1]);
check($fault["faultCode"] === 3 && strpos($fault["faultString"], "marc") !== false, true, "the fault of a field that is none");
check(call("logout", $session), true, "the logout");
echo "fine\n";
