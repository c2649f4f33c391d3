// Calls to the daemon: XML-RPC there, JSON back, over the page's own origin. A session is opened when one is wanted.
export class Fault extends Error {
    // Code 0: there was no answer; from 400 on: HTTP refused it; the others are the daemon's faults.
    constructor(code, text) {
        super(text);
        this.code = code;
    }
}

const escaped = text => text.replace(/[&<>]/g, sign => `&#${sign.charCodeAt(0)};`);

function encode(value) {
    if (typeof value == "number") return `<value><int>${value}</int></value>`;
    if (typeof value == "string") return `<value><string>${escaped(value)}</string></value>`;
    if (Array.isArray(value)) return `<value><array><data>${value.map(encode).join("")}</data></array></value>`;
    const members = Object.entries(value).map(([name, member]) => `<member><name>${name}</name>${encode(member)}</member>`);
    return `<value><struct>${members.join("")}</struct></value>`;
}

// One call without a session.
export async function ask(method, ...params) {
    const given = params.map(value => `<param>${encode(value)}</param>`).join("");
    let response, text;
    try {
        response = await fetch("RPC2", {
            method: "POST",
            headers: { "Content-Type": "text/xml", Accept: "application/json" },
            body: `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${given}</params></methodCall>`,
            signal: AbortSignal.timeout(45000),
        });
        text = await response.text();
    } catch {
        throw new Fault(0, "");
    }
    if (!response.ok) throw new Fault(response.status, text.trim());
    return checked(JSON.parse(text));
}

function checked(value) {
    if (value?.faultCode !== undefined) throw new Fault(value.faultCode, value.faultString);
    return value;
}

// The session outlives a reload of this tab. Passwords are kept nowhere.
let session = sessionStorage.getItem("session") ?? "";
let entering, left, passwords;

function keep(id) {
    session = id;
    sessionStorage.setItem("session", id);
}

// `form` asks the user for name and password, and tries each with the function that it is given.
export const askWith = form => { passwords = form; };

async function enter() {
    try {
        keep(await ask("login"));
    } catch (fault) {
        if (fault.code != -32602) throw fault;
        await passwords(async (user, password) => keep(await ask("login", user, password)));
    }
}

// One call in the session, which is opened first, or again if it is over.
export async function call(method, ...params) {
    for (let tried = false; ; tried = true) {
        if (!session) await (entering ??= enter().finally(() => { entering = undefined; }));
        const used = session;
        try {
            return await ask(method, used, ...params);
        } catch (fault) {
            // Whoever logs out while a call is under way is not asked to log in again by it.
            if (fault.code != 2 || tried || used == left) throw fault;
            if (session == used) session = "";
        }
    }
}

export const inside = () => session != "";

export async function leave() {
    left = session;
    keep("");
    await ask("logout", left);
}
