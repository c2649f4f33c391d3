// Who has the connections: groups from `summary`, the largest first.
import { $, button, el, show } from "./dom.js";
import { addTerm } from "./filter.js";
import { go, onMove, place } from "./place.js";
import { bytes, number, percent, rate, t } from "./text.js";

// The groups, and the filter that a row of each makes.
const GROUPS = {
    local: key => "host:" + key,
    remote: key => "host:" + key,
    service: key => key,
    username: key => "user:" + key,
};
const ORDERS = { rate, bytes, connections: number };

const table = $("who").querySelector("table");

export const ROWS = 12;

export function whoHeading() {
    $("group").replaceChildren(...Object.keys(GROUPS).map(value => el("option", { value, textContent: t(value) })));
    const cells = Object.keys(ORDERS).map(by => {
        const cell = el("th", { scope: "col", className: "figures" }, button(t(by), () => go({ by })));
        cell.dataset.by = by;
        return cell;
    });
    table.tHead.rows[0].replaceChildren(el("th", { scope: "col", textContent: t("name") }), ...cells);
    whoOrder();
}

function whoOrder() {
    if (!GROUPS[place.group]) place.group = "local";
    if (!ORDERS[place.by]) place.by = "rate";
    $("group").value = place.group;
    for (const cell of table.tHead.rows[0].cells) {
        if (cell.dataset.by == place.by) cell.ariaSort = "descending";
        else cell.removeAttribute("aria-sort");
    }
}

const lines = new Map();

export function who(summary) {
    document.body.classList.toggle("alone", !summary);
    if (!summary) return;
    const rows = summary.table;
    const most = Math.max(1, ...rows.map(row => row[place.by] ?? 0));
    const kept = new Set();
    for (const row of rows) {
        const key = String(row[place.group] ?? t("other"));
        kept.add(key);
        const line = lines.get(key) ?? makeGroup(key, row);
        lines.set(key, line);
        line.querySelector("i").style.width = `${100 * (row[place.by] ?? 0) / most}%`;
        Object.entries(ORDERS).forEach(([by, format], nth) => { line.cells[nth + 1].textContent = format(row[by]); });
        table.tBodies[0].append(line);
    }
    for (const [key, line] of lines) if (!kept.has(key)) {
        line.remove();
        lines.delete(key);
    }
    const [top] = rows;
    const share = top ? top.connections / summary.matched : 0;
    $("remark").textContent = share > 0.5 && summary.matched >= 100
        ? t("most", { who: name(top), percent: percent(share) }) : "";
}

const name = row => row.name ?? String(row[place.group]);

function makeGroup(key, row) {
    const filter = GROUPS[place.group];
    const told = row[place.group] === undefined ? el("span", { textContent: key })
        : el("button", { type: "button", className: "value", textContent: name(row), title: filter(key), onclick: event => addTerm(filter(key), event.altKey) });
    return el("tr", {}, el("th", { scope: "row" }, told, el("span", { className: "bar" }, el("i"))),
        ...Object.keys(ORDERS).map(() => el("td", { className: "figures" })));
}

onMove(whoOrder);
$("group").onchange = event => {
    lines.forEach(line => line.remove());
    lines.clear();
    go({ group: event.target.value });
};
