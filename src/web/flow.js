// What a row of a view says of a connection, in the words of the filter's grammar.
export const PROTOCOLS = { 1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 50: "esp", 51: "ah", 58: "icmp6", 132: "sctp", 136: "udplite" };
export const STATES = ["none", "syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "close", "syn_sent2"];
const SCTP_STATES = ["none", "closed", "cookie_wait", "cookie_echoed", "established", "shutdown_sent", "shutdown_recd", "shutdown_ack_sent", "heartbeat_sent", "heartbeat_acked"];

// The fields that the table needs; the details ask for all.
export const FIELDS = ["orig_l4proto", "tcp_state", "sctp_state", "status", "timeout", "mark",
    "orig_ipv4_src", "orig_ipv4_dst", "orig_ipv6_src", "orig_ipv6_dst", "orig_port_src", "orig_port_dst",
    "orig_counter_bytes", "repl_counter_bytes", "orig_rate", "repl_rate", "nat", "nat_src", "nat_dst",
    "orig_src_name", "orig_dst_name", "user_id", "username"];

export const protocol = row => PROTOCOLS[row.orig_l4proto] ?? String(row.orig_l4proto);

// A term that matches what is shown; quoted where a space, a comma or a quote would end it.
export const term = (field, value) => `${field}:${/^[\w.:/-]+$/.test(value) ? value : `"${String(value).replaceAll('"', "")}"`}`;

const OFFLOADED = 0xc000;

// The state's word and the term for it.
export function state(row) {
    if (row.tcp_state !== undefined) return [STATES[row.tcp_state], "state:"];
    if (row.sctp_state !== undefined) return [SCTP_STATES[row.sctp_state], "sctp_state:"];
    if (row.status & OFFLOADED) return;
    return [row.status & 4 ? "assured" : row.status & 2 ? "replied" : "unreplied", "is:"];
}

export const unanswered = row => !(row.status & 2);

// Badges: the word, and what hovering over it tells.
export function badges(row) {
    const found = [];
    const [from, to] = [row.nat_src, row.nat_dst];
    if (row.status & 0x30) found.push(["nat", [from && `src → ${from}`, to && `dst → ${to}`].filter(Boolean).join("\n")]);
    if (row.status & OFFLOADED) found.push([row.status & 0x8000 ? "hardware" : "offloaded", ""]);
    return found;
}

const sum = (a, b) => a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
export const bytesOf = row => sum(row.orig_counter_bytes, row.repl_counter_bytes);
export const rateOf = row => sum(row.orig_rate, row.repl_rate);
export const hex = value => value ? "0x" + value.toString(16) : "0";

// Names that were seen, by address.
export const names = {};

// One end of it, "src" or "dst". Before a port an IPv6 address has brackets.
export function end(row, side) {
    const address = row["orig_ipv4_" + side] ?? row["orig_ipv6_" + side] ?? "";
    const port = row["orig_port_" + side];
    const shown = port !== undefined && address.includes(":") ? `[${address}]` : address;
    const name = row[`orig_${side}_name`];
    if (name) names[address] = name;
    return { address, port, shown, name };
}

function ends(row, side) {
    const { port, shown, name } = end(row, side);
    const at = port === undefined ? shown : `${shown}:${port}`;
    return name ? `${name} (${at})` : at;
}

export const sentence = row => `${protocol(row).toUpperCase()} ${ends(row, "src")} → ${ends(row, "dst")}`;
