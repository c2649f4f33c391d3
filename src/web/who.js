// Who has the connections: groups from `summary`, the largest first.
import { $, button, el } from "./dom.js";
import { addTerm, filterBy } from "./filter.js";
import { names, term } from "./flow.js";
import { go, onMove, place } from "./place.js";
import { bytes, number, percent, rate, t } from "./text.js";

// The groups, and the filter that a row of each makes.
const GROUPS = {
    local: key => term("host", key),
    remote: key => term("host", key),
    service: key => key.replace(/^(\w+)\/?/, "proto:$1 dport:").replace(/ dport:$/, ""),
    username: key => term("user", key),
};
const ORDERS = { rate, bytes, connections: number };

const whoTable = $("who").querySelector("table");

export const WHO_ROWS = 12;

export function whoHeading() {
    $("group").replaceChildren(...Object.keys(GROUPS).map(value => el("option", { value, textContent: t(value) })));
    whoTable.tHead.rows[0].replaceChildren(el("th", { scope: "col", textContent: t("name") }), ...Object.keys(ORDERS).map(by => {
        const cell = el("th", { scope: "col", className: "figures" }, button(t(by), () => go({ by })));
        cell.dataset.by = by;
        return cell;
    }));
    whoOrder();
}

function whoOrder() {
    if (!GROUPS[place.group]) place.group = "local";
    if (!ORDERS[place.by]) place.by = "rate";
    $("group").value = place.group;
    for (const cell of whoTable.tHead.rows[0].cells) {
        if (cell.dataset.by == place.by) cell.ariaSort = "descending";
        else cell.removeAttribute("aria-sort");
    }
}

const groups = new Map();

export function who(summary) {
    if (!summary) return;
    const { table, matched, error, other } = summary;
    const most = Math.max(1, ...table.map(row => row[place.by] ?? 0));
    const kept = new Set();
    const put = (key, row, filter) => {
        const line = groups.get(key) ?? makeGroup(key, filter);
        groups.set(key, line);
        kept.add(key);
        line.querySelector(".key").textContent = names[key] ?? key;
        line.querySelector("i").style.width = `${Math.min(100, 100 * (row[place.by] ?? 0) / most)}%`;
        Object.entries(ORDERS).forEach(([by, written], nth) => { line.cells[nth + 1].textContent = written(row[by]); });
        whoTable.tBodies[0].append(line);
    };
    for (const row of table) {
        const key = row[place.group];
        put(key ?? "–", row, key && GROUPS[place.group](key));
    }
    if (other) put(t("other"), other);
    for (const [key, line] of groups) if (!kept.has(key)) {
        line.remove();
        groups.delete(key);
    }
    const top = table.reduce((most, row) => row.connections > (most?.connections ?? 0) ? row : most, null);
    const share = (top?.connections ?? 0) / matched;
    const key = top?.[place.group];
    $("remark").textContent = error ? t("inexact", { n: error })
        : key && share > 0.5 && matched >= 100 ? t("most", { who: names[key] ?? key, percent: percent(share) }) : "";
}

function makeGroup(key, filter) {
    // The complement of a service's two terms is none that a filter can say.
    const use = event => filter.includes(" ") ? filterBy([$("q").value.trim(), filter].join(" ").trim()) : addTerm(filter, event.altKey);
    const told = filter ? el("button", { type: "button", className: "value key", title: filter, onclick: use }) : el("span", { className: "key" });
    return el("tr", {}, el("th", { scope: "row" }, told, el("span", { className: "bar" }, el("i"))),
        ...Object.keys(ORDERS).map(() => el("td", { className: "figures" })));
}

onMove(whoOrder);
$("group").onchange = event => {
    groups.forEach(line => line.remove());
    groups.clear();
    go({ group: event.target.value });
};
