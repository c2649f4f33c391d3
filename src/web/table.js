// The table of connections: rows are kept by id, and stand still while somebody is about to use one.
import { $, button, el, show } from "./dom.js";
import { badges, bytesOf, end, hex, protocol, rateOf, sentence, state, term, unanswered } from "./flow.js";
import { addTerm } from "./filter.js";
import { kill, details } from "./act.js";
import { go, onMove, place } from "./place.js";
import { bytes, duration, rate, t } from "./text.js";

const head = $("flows").tHead.rows[0];
const body = $("flows").tBodies[0];
const rows = new Map();
const chosen = new Set();
let fastest = 1;

// A value that a click filters by, and an alt-click filters out. By keyboard the same is in the row's details.
const value = (text, term, className = "") => el("button", {
    type: "button", className: "value " + className, textContent: text, title: term, tabIndex: -1,
    onclick: event => addTerm(term, event.altKey),
});

function side(row, which) {
    const { address, port, shown, name } = end(row, which);
    // A device chooses its own name: what a click filters by is the address.
    const parts = name ? [value(name, which + ":" + address, "name")] : [];
    const where = el("span", { className: "address" }, value(shown, which + ":" + address));
    if (port !== undefined) where.append(value(":" + port, `${which[0]}port:${port}`, "port"));
    return [...parts, where];
}

function protocolAndState(row) {
    const word = state(row);
    const parts = [value(protocol(row).toUpperCase(), "proto:" + protocol(row), "protocol")];
    if (word) parts.push(" ", value(word[0], word[1] + word[0], unanswered(row) ? "state waits" : "state"));
    return parts;
}

const badge = ([word, title]) => {
    const made = value(word, "is:" + word, "badge " + word);
    if (title) made.title = title;
    return made;
};

function speed(row) {
    const known = rateOf(row);
    const bar = el("span", { className: "bar" }, el("i"));
    bar.firstChild.style.width = `${Math.min(100, 100 * (known ?? 0) / fastest)}%`;
    const both = row.orig_rate === undefined ? "" : `→ ${rate(row.orig_rate)}\n← ${rate(row.repl_rate)}`;
    return [bar, el("span", { className: "figure", textContent: rate(known), title: both })];
}

const person = row => row.username ?? row.user_id;

// Each column: the field to sort by, whether it holds figures, whether changes of it are marked, and its cell.
const COLUMNS = {
    protocol: { sort: "orig_l4proto", marked: true, cell: protocolAndState },
    source: { sort: "orig_src", cell: row => side(row, "src") },
    destination: { sort: "orig_dst", cell: row => [...side(row, "dst"), ...badges(row).flatMap(one => [" ", badge(one)])] },
    rate: { sort: "rate", figures: true, marked: true, cell: speed },
    bytes: { sort: "bytes", figures: true, marked: true, cell: row => [bytes(bytesOf(row))] },
    ends: { sort: "timeout", figures: true, cell: row => [duration(row.timeout)] },
    mark: { sort: "mark", marked: true, cell: row => [value(hex(row.mark), "mark:" + hex(row.mark), row.mark ? "" : "dim")] },
    user: { sort: "user_id", cell: row => person(row) === undefined ? [] : [value(person(row), term(row.username ? "user" : "uid", person(row)))] },
};

function make(row) {
    const about = sentence(row);
    const pick = el("input", { type: "checkbox", ariaLabel: t("choose", { what: about }), onchange: () => choose(row.id, pick.checked) });
    const line = el("tr", {}, el("td", { className: "pick" }, pick));
    for (const [name, column] of Object.entries(COLUMNS)) line.append(el("td", { className: name + (column.figures ? " figures" : "") }));
    const more = button("⋯", () => details(line.row), "more");
    more.ariaLabel = more.title = t("details");
    line.append(el("td", { className: "do" }, el("span", {}, more, " ", button(t("kill"), () => kill([line.row]), "danger"))));
    return line;
}

function fill(line, row) {
    line.row = row;
    const fresh = !line.filled;
    Object.values(COLUMNS).forEach((column, nth) => {
        const cell = line.cells[nth + 1];
        const parts = column.cell(row);
        const text = parts.map(part => part.textContent ?? part).join("");
        // A cell that says the same stays, and with it the focus; the bar beside a rate may have moved all the same.
        if (cell.said === text && column != COLUMNS.rate) return;
        if (!fresh && column.marked && cell.said !== text) mark(cell);
        cell.said = text;
        cell.replaceChildren(...parts);
    });
    line.filled = true;
    line.cells[0].firstChild.checked = chosen.has(row.id);
}

// Two classes with the same animation: changing from one to the other begins it anew.
const mark = cell => {
    const again = cell.classList.toggle("changed");
    cell.classList.toggle("changed-again", !again);
};

const pointed = matchMedia("(hover: hover)");

// Whether the rows must stay where they are.
export const held = () => chosen.size > 0 || $("dialog").open || body.querySelector(":focus-visible") !== null
    || (pointed.matches && body.matches(":hover"));

export const shown = () => [...rows.keys()];

// Shows a page, `anew` if it is another than before. Rows that are on it no more are grey for a moment where they were,
// unless so many have gone that they would only be in the way.
export function present(page, anew) {
    fastest = Math.max(1, ...page.map(row => rateOf(row) ?? 0));
    const ids = new Set(page.map(row => row.id));
    const gone = [...rows].filter(([id]) => !ids.has(id));
    for (const [id, line] of gone) {
        line.gone ??= Date.now();
        const many = gone.length > 10 && !line.classList.contains("ended");
        if (anew || many || Date.now() - line.gone > 1500) drop(id);
        else line.classList.add("gone");
    }
    // What has gone keeps the place behind the row that it stood behind.
    let last = null;
    for (const row of page) {
        if (rows.get(row.id)?.classList.contains("ended")) drop(row.id);
        const line = rows.get(row.id) ?? make(row);
        rows.set(row.id, line);
        line.gone = undefined;
        line.classList.remove("gone");
        fill(line, row);
        const next = last ? last.nextSibling : body.firstChild;
        if (line != next && !(next?.classList.contains("gone") && next.nextSibling == line)) body.insertBefore(line, next);
        last = line;
    }
    $("flows").classList.toggle("users", page.some(row => person(row) !== undefined));
}

// While the rows stand still: new values for them, and those that are not among `found` have ended.
export function renew(found) {
    const byId = new Map(found.map(row => [row.id, row]));
    for (const [id, line] of rows) {
        if (byId.has(id)) fill(line, byId.get(id));
        else ended(id);
    }
}

export function ended(id) {
    const line = rows.get(id);
    if (!line || line.classList.contains("ended")) return;
    line.gone = Date.now();
    line.classList.add("gone", "ended");
    // Who goes by keyboard goes on from the next row.
    if (line.contains(document.activeElement)) (line.nextSibling ?? line.previousSibling)?.querySelector("input").focus();
    line.querySelector(".ends").textContent = t("ended");
    line.querySelectorAll("input, .do button").forEach(control => { control.disabled = true; });
    choose(id, false);
}

function drop(id) {
    rows.get(id)?.remove();
    rows.delete(id);
    chosen.delete(id);
}

export function empty() {
    [...rows.keys()].forEach(drop);
    tellChosen();
}

function choose(id, is) {
    if (is) chosen.add(id);
    else chosen.delete(id);
    tellChosen();
}

function tellChosen() {
    for (const [id, line] of rows) {
        line.classList.toggle("chosen", chosen.has(id));
        line.cells[0].firstChild.checked = chosen.has(id);
    }
    show($("chosen"), chosen.size);
    $("chosen").firstChild.textContent = t("chosen", { n: chosen.size });
    const all = head.querySelector("input");
    if (all) all.checked = rows.size > 0 && chosen.size == rows.size;
}

const sorted = sort => () => go({ sort, page: 1, dir: place.sort == sort && place.dir == "desc" ? "asc" : "desc" });

// The head and what belongs to it, in the language of the moment.
export function heading() {
    const all = el("input", { type: "checkbox", ariaLabel: t("choose_all"), onchange: () => {
        for (const [id, line] of rows) choose(id, all.checked && !line.classList.contains("gone"));
    } });
    head.replaceChildren(el("th", { className: "pick", scope: "col" }, all));
    $("sort").replaceChildren();
    for (const [name, { sort, figures }] of Object.entries(COLUMNS)) {
        const cell = el("th", { className: name + (figures ? " figures" : ""), scope: "col" }, button(t(name), sorted(sort)));
        cell.dataset.sort = sort;
        head.append(cell);
        $("sort").append(el("option", { value: sort, textContent: t(name) }));
    }
    head.append(el("td"));
    empty();
    order();
}

function order() {
    for (const cell of head.cells) {
        if (cell.dataset.sort == place.sort) cell.ariaSort = place.dir == "asc" ? "ascending" : "descending";
        else cell.removeAttribute("aria-sort");
    }
    $("sort").value = place.sort;
    $("size").value = place.size;
}

export function count(total) {
    const from = (place.page - 1) * place.size;
    const to = Math.min(total, from + place.size);
    $("range").textContent = total ? t("range", { from: from + 1, to, n: total }) : "";
    $("back").disabled = place.page <= 1;
    $("next").disabled = to >= total;
    show($("held"), rows.size && held());
    return to > from || !total;
}

onMove(() => {
    chosen.clear();
    tellChosen();
    order();
});
$("sort").onchange = event => go({ sort: event.target.value, page: 1 });
$("turn").onclick = () => go({ dir: place.dir == "asc" ? "desc" : "asc", page: 1 });
$("size").onchange = event => go({ size: Number(event.target.value), page: 1 });
$("back").onclick = () => go({ page: place.page - 1 });
$("next").onclick = () => go({ page: place.page + 1 });
$("kill-chosen").onclick = () => kill([...chosen].map(id => rows.get(id).row));
$("choose-none").onclick = () => [...chosen].forEach(id => choose(id, false));

// Up and down go to the same control of the next row.
body.onkeydown = event => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const line = event.target.closest("tr");
    const to = step && line?.[step];
    if (!to) return;
    event.preventDefault();
    const controls = from => [...from.querySelectorAll("input, button:not([tabindex])")];
    controls(to)[controls(line).indexOf(event.target)]?.focus();
};
