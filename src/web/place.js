// What is looked at, kept behind the # of the URL: so it outlasts a reload, can be sent to others, and never reaches a log.
const small = matchMedia("(max-width: 640px)").matches;
const usual = { q: "", sort: "rate", dir: "desc", page: 1, size: small ? 25 : 50, tab: "table", group: "local", by: "rate" };

export const place = { ...usual };
const watchers = [];

export const onMove = watcher => watchers.push(watcher);

function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const [name, most] of Object.entries(usual)) {
        const value = given.get(name) ?? most;
        place[name] = typeof most == "number" ? Math.max(1, parseInt(value) || most) : value;
    }
    place.size = Math.min(place.size, 50);
}

// Moves on; `instead` of a new entry in the browser's history the present one is changed.
export function go(changes, instead) {
    Object.assign(place, changes);
    const kept = Object.entries(place).filter(([name, value]) => value !== usual[name]);
    const hash = new URLSearchParams(kept).toString();
    history[instead ? "replaceState" : "pushState"](null, "", hash ? "#" + hash : location.pathname + location.search);
    watchers.forEach(watcher => watcher());
}

addEventListener("popstate", () => {
    read();
    watchers.forEach(watcher => watcher());
});
read();
