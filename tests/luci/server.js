// What stands for uhttpd, rpcd and cgi-io: it serves the pages, holds each command to the access-control list as rpcd does,
// takes it apart as cgi-io does, and runs it with its standard error and input at /dev/null.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const HERE = __dirname;
const APP = path.join(HERE, "../../openwrt/luci-app-rctd");
const PROGRAM = "/usr/libexec/rctd-luci";
const ACL = JSON.parse(fs.readFileSync(path.join(APP, "root/usr/share/rpcd/acl.d/luci-app-rctd.json")))["luci-app-rctd"];

// The groups that a session of this name has.
const GROUPS = { admin: ["read", "write"], guest: ["read"] };

// Whether a session may. tests/luci.rs holds every pattern to be a text with at most one * at its end.
function may(session, object, right) {
    const groups = GROUPS[session] ?? [];
    return groups.some(group => Object.entries(ACL[group].file).some(([pattern, rights]) => rights.includes(right) &&
        (pattern.endsWith("*") ? object.startsWith(pattern.slice(0, -1)) : object === pattern)));
}

// Words of a command line: parted by white space, a backslash takes the next byte as it is, and an empty word is none.
function words(line) {
    const found = [""];
    for (let at = 0; at < line.length; at++) {
        if (line[at] == "\\" && at + 1 < line.length) found[found.length - 1] += line[++at];
        else if (!/[ \t\n\v\f\r]/.test(line[at])) found[found.length - 1] += line[at];
        else if (found.at(-1) != "") found.push("");
    }
    return found.filter(word => word != "");
}

// A server on a free port of the loopback. `program` is what is run in the place of the wrapper, `folder` where the files
// are that the real one would write. `calls` has each command with its time and the bytes of its reply.
async function serve(program, folder) {
    const calls = [];
    let running = 0;
    const server = http.createServer((request, reply) => {
        let body = Buffer.alloc(0);
        request.on("data", part => { body = Buffer.concat([body, part]); });
        request.on("end", () => answer(request, reply, body.toString()));
    });

    function answer(request, reply, body) {
        const url = new URL(request.url, "http://localhost");
        const end = (status, text = "", type = "text/plain") => {
            reply.writeHead(status, { "Content-Type": type + "; charset=utf-8" });
            reply.end(text);
        };
        if (request.method == "POST" && url.pathname == "/cgi-exec") return exec(new URLSearchParams(body), end, reply);
        if (request.method == "POST" && url.pathname == "/file-write") return write(JSON.parse(body), end);
        if (url.pathname == "/favicon.ico") return end(204);
        if (url.pathname == "/") return end(200, html(url.searchParams), "text/html");
        const files = { "/standin.js": [HERE, "text/javascript"], "/standin.css": [HERE, "text/css"] };
        const [root, type] = files[url.pathname] ?? [path.join(APP, "htdocs"), "text/javascript"];
        fs.readFile(path.join(root, url.pathname), (error, text) => error ? end(404) : end(200, text, type));
    }

    function exec(fields, end, reply) {
        const [session, line] = [fields.get("sessionid"), fields.get("command").split("\0")[0]];
        const argv = words(line);
        const call = { session, argv, at: Date.now(), bytes: 0, running: ++running };
        calls.push(call);
        const done = () => {
            running--;
            call.took = Date.now() - call.at;
        };
        if (!may(session, argv.join(" "), "exec") && !may(session, argv[0], "exec")) {
            call.refused = true;
            done();
            return end(403);
        }
        if (argv[0] != PROGRAM) {
            done();
            return end(404);
        }
        const child = spawn(program, argv.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
        reply.writeHead(200, { "Content-Type": "application/octet-stream" });
        child.stdout.on("data", part => {
            call.bytes += part.length;
            reply.write(part);
        });
        child.on("close", () => {
            done();
            reply.end();
        });
    }

    function write({ session, path: to, data, mode }, end) {
        calls.push({ session, argv: ["write", to], at: Date.now(), bytes: 0, mode });
        if (!may(session, to, "write")) return end(403);
        fs.writeFileSync(path.join(folder, path.basename(to)), data, { mode });
        end(200);
    }

    await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));
    const url = (view, session) => `http://127.0.0.1:${server.address().port}/?view=${view}&session=${session}`;
    return { calls, url };
}

function html(parameters) {
    const session = parameters.get("session");
    const env = JSON.stringify({ sessionid: session, view: parameters.get("view"), write: (GROUPS[session] ?? []).includes("write") });
    return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>LuCI</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/standin.css">
<script src="/standin.js" data-env='${env.replaceAll("'", "&#39;")}'></script></head>
<body><div id="modal_overlay" tabindex="-1"><div class="modal" role="dialog" aria-modal="true"></div></div><main id="maincontent"><div id="view">Loading</div></main></body></html>`;
}

module.exports = { PROGRAM, serve, words };
