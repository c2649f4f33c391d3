// The filter's line: what is typed goes to the daemon, which reads it back in words, or says what is wrong and where.
import { ask } from "./call.js";
import { $, el, show } from "./dom.js";
import { PROTOCOLS, STATES } from "./flow.js";
import { go, onMove, place } from "./place.js";
import { t } from "./text.js";

const input = $("q");
const list = $("words");

const FIELD_WORDS = "src: dst: host: port: sport: dport: proto: state: is: rate> up> down> bytes> packets> timeout< mark: user: uid: name: family: zone: helper: rsrc: rdst: rsport: rdport: id:";
const PROTOCOL_WORDS = Object.values(PROTOCOLS).join(" ");
const STATE_WORDS = STATES.join(" ");
const FLAG_WORDS = "replied unreplied assured nat snat dnat offloaded hardware fixed expected";
const SERVICES = "https http dns ssh ntp smtp imaps imap pop3s pop3 snmp smb rdp sip mdns ftp telnet";
const VALUES = { proto: PROTOCOL_WORDS, state: STATE_WORDS, is: FLAG_WORDS, family: "4 6", port: SERVICES, sport: SERVICES, dport: SERVICES };
const ALL = [FIELD_WORDS, PROTOCOL_WORDS, STATE_WORDS, FLAG_WORDS, SERVICES].join(" ").split(" ");

let latest = 0;
let waiting;

// Has the daemon read the text and, if it can, looks for what matches. The last text that was typed wins.
async function apply(text, instead) {
    clearTimeout(waiting);
    const mine = ++latest;
    show($("clear"), text);
    try {
        const sentence = text.trim() ? await ask("explain", text) : "";
        if (mine != latest) return;
        readBack(sentence);
        if (text.trim() != place.q) go({ q: text.trim(), page: 1 }, instead);
    } catch (fault) {
        if (mine == latest && fault.code) wrong(fault, text);
    }
}

function readBack(sentence) {
    $("under").replaceChildren();
    input.removeAttribute("aria-invalid");
    $("sentence").className = "";
    $("sentence").textContent = sentence;
    $("sentence").lang = "en";
}

// Shows a fault under the word that it is about: the daemon counts its place in bytes.
export function wrong(fault, text = input.value) {
    const at = /\bat (\d+)/.exec(fault.message);
    readBack(fault.message.replace(/^filters: /, ""));
    input.setAttribute("aria-invalid", "true");
    $("sentence").className = "wrong";
    if (!at) return;
    const before = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, Number(at[1])));
    const word = /^\S*/.exec(text.slice(before.length))[0];
    $("under").append(before, el("u", { textContent: word || " " }));
    $("under").scrollLeft = input.scrollLeft;
}

// Whether what stands in the box is what is shown: only then may all that matches be killed.
export const settled = () => input.value.trim() == place.q && !input.hasAttribute("aria-invalid");

export const filterBy = text => {
    input.value = text;
    return apply(text);
};

const terms = () => input.value.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];

// Adds a term, or its complement, in place of what says the contrary.
export function addTerm(term, exclude) {
    const others = terms().filter(other => other.replace(/^[!-]/, "") != term);
    return filterBy([...others, (exclude ? "!" : "") + term].join(" "));
}

// What the word before the caret may become.
function completions() {
    const [, before, word] = /^(.*?)([^\s!-]\S*)?$/.exec(input.value.slice(0, input.selectionStart)) ?? [];
    if (!word) return [];
    const [, field, start] = /^(?:(\w+)[:=])?(\S*)$/.exec(word) ?? [];
    const found = (field ? VALUES[field]?.split(" ") ?? [] : ALL).filter(one => one.startsWith(start.toLowerCase()) && one != start);
    return found.slice(0, 8).map(one => [one, before + (field ? field + ":" : "") + one + (/\w$/.test(one) ? " " : "")]);
}

function complete() {
    const found = completions();
    list.replaceChildren(...found.map(([one, whole], nth) => el("li", {
        role: "option", id: "word" + nth, textContent: one, onmousedown: event => {
            event.preventDefault();
            take(whole);
        },
    })));
    point(-1);
    openList(found.length > 0);
}

const openList = is => {
    show(list, is);
    input.ariaExpanded = String(is);
};

let marked = -1;
function point(nth) {
    marked = nth;
    [...list.children].forEach((one, place) => { one.ariaSelected = String(place == nth); });
    if (nth < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", "word" + nth);
}

function take(whole) {
    const rest = input.value.slice(input.selectionStart);
    input.value = whole + rest.trimStart();
    input.setSelectionRange(whole.length, whole.length);
    openList(false);
    if (whole.endsWith(" ")) apply(input.value, true);
}

input.oninput = () => {
    complete();
    show($("kill-matching"), false);
    clearTimeout(waiting);
    waiting = setTimeout(() => apply(input.value, true), 400);
};
input.onkeydown = event => {
    const all = list.hidden ? 0 : list.children.length;
    if (event.key == "Escape") openList(false);
    else if (event.key == "ArrowDown" && all) point((marked + 1) % all);
    else if (event.key == "ArrowUp" && all) point((marked < 1 ? all : marked) - 1);
    else if (event.key == "Enter" && all && marked >= 0) take(completions()[marked][1]);
    else return;
    event.preventDefault();
};
input.onblur = () => openList(false);
input.onscroll = () => { $("under").scrollLeft = input.scrollLeft; };
$("filter").onsubmit = event => {
    event.preventDefault();
    openList(false);
    apply(input.value);
};
$("clear").onclick = () => {
    filterBy("");
    input.focus();
};

const EXAMPLES = ["src:192.168.1.0/24 !dport:80,443", "tcp state:syn_sent", "rate>1M", "host:192.168.1.5 -udp", "is:nat dport:8000-8100"];

export function examples() {
    $("examples").replaceChildren(...EXAMPLES.map((text, nth) => el("li", {},
        el("button", { type: "button", className: "value", onclick: () => filterBy(text) }, el("code", { textContent: text })), " ", t("example" + nth))));
}
$("ask-help").onclick = () => {
    const closed = $("help").hidden;
    show($("help"), closed);
    $("ask-help").ariaExpanded = String(closed);
};

// A move that was not made here, such as the browser's button back, brings its own text.
onMove(() => {
    if (input.value.trim() == place.q) return;
    input.value = place.q;
    apply(place.q, true);
});
export const beginFilter = () => {
    input.value = place.q;
    return apply(place.q, true);
};
