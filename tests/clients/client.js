// Uses the daemon at the address given through davexmlrpc of npm, and checks each answer. That library sends no
// Content-Type. The table it expects is the one that tests/clients.rs inserts.
const xmlrpc = require("davexmlrpc");

const url = `http://${process.argv[2]}:${process.argv[3]}/RPC2`;

function check(seen, expected, what) {
    if (JSON.stringify(seen) !== JSON.stringify(expected)) {
        throw new Error(`${what}: ${JSON.stringify(seen)}, should be ${JSON.stringify(expected)}`);
    }
}

function call(method, ...params) {
    return new Promise((resolve, reject) => {
        xmlrpc.client(url, method, params, "xml", (error, answer) => {
            // An error of HTTP gives it neither.
            if (answer === undefined) {
                reject(error ?? new Error(`${method} has no answer`));
            } else {
                resolve(answer);
            }
        });
    });
}

async function fault(method, ...params) {
    try {
        await call(method, ...params);
    } catch (error) {
        return error;
    }
    throw new Error(`${method} was taken`);
}

async function main() {
    const session = await call("login", "anybody", "anything");
    check(session.length, 32, "the length of a session id");
    const view = (filters, ...rest) => call("view", session, filters, ...rest);
    const ports = page => page.table.map(row => row.orig_port_src);

    const page = await view({}, "timeout", "DESC", 20, 10);
    check(page.total, 250, "the total");
    check(ports(page), [1179, 1178, 1177, 1176, 1175, 1174, 1173, 1172, 1171, 1170], "the third page by timeout");
    check(typeof page.table[0].id, "string", "the type of ids");

    const ids = new Set();
    for (let start = 0; start < 250; start += 40) {
        (await view({}, "id", "ASC", start, 40)).table.forEach(row => ids.add(row.id));
    }
    check(ids.size, 250, "the connections on all pages");
    check((await view({})).table.length, 250, "a whole listing");

    const udp = await view({ orig_l4proto: 17, orig_port_dst: 53 }, "orig_port_src", "ASC", 0, 5);
    check(udp.total, 50, "the UDP connections");
    check(ports(udp), [2000, 2001, 2002, 2003, 2004], "their ports");
    check(udp.table[0].mark, 3000000000, "their mark");
    // It sends every integer as i4: wide ones go as strings.
    check((await view({ mark: "3000000000" })).total, 50, "filtered by a wide mark");
    check((await view({ orig_src: "10.0.0.3" })).total, 20, "filtered by address");
    check((await view({ host: ["10.0.0.3", "10.0.0.4/32"] })).total, 40, "filtered by two hosts");

    const rowOf = async port => {
        const rows = (await view({ orig_port_src: port })).table;
        check(rows.length, 1, `the connections from port ${port}`);
        return rows[0];
    };
    const victims = [(await rowOf(1000)).id, (await rowOf(1001)).id];
    check(await call("kill", session, victims), 2, "killed");
    check(await call("kill", session, victims), 0, "killed again");
    check(await call("kill", session, (await rowOf(1002)).id), 1, "killed by a single id");
    check((await view({})).total, 247, "what is left");

    const marked = (await rowOf(1003)).id;
    check(await call("change", session, "mark", marked, "3000000000"), true, "a mark changed");
    check((await rowOf(1003)).mark, 3000000000, "the mark");
    await call("change", session, "mark", marked, "0x1/0xf");
    check((await rowOf(1003)).mark, 3000000001, "the mark with one bit more");
    await call("change", session, "timeout", (await rowOf(1004)).id, 5000);
    const { timeout } = await rowOf(1004);
    check(timeout >= 4900 && timeout <= 5000, true, `the timeout ${timeout}`);

    check((await fault("view", "nonsense")).faultCode, 2, "the fault of a session that is none");
    const unknown = await fault("view", session, { marc: 1 });
    check([unknown.faultCode, /marc/.test(unknown.message)], [3, true], "the fault of a field that is none");

    const refresh = { methodName: "refresh", params: [session] };
    check(await call("system.multicall", [refresh, refresh]), [[true], [true]], "two calls in one");
    check((await call("system.listMethods")).includes("view"), true, "view is listed");
    check(await call("logout", session), true, "the logout");
    console.log("fine");
}

main().catch(error => {
    console.error(error.message ?? error);
    process.exit(1);
});
