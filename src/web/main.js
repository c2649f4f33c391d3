// The page's beginning, and its turn: one look at the daemon at a time, at the table's pace, and none while nobody looks.
import { canLeave, killMatching, words } from "./act.js";
import { call, inside, leave } from "./call.js";
import { $, button, notice, say, show } from "./dom.js";
import { beginFilter, examples, settled, wrong } from "./filter.js";
import { FIELDS } from "./flow.js";
import { line, use } from "./gauges.js";
import { go, onMove, place } from "./place.js";
import { count, empty, heading, held, present, renew, shown } from "./table.js";
import { otherLanguage, speak, t } from "./text.js";
import { WHO_ROWS, who, whoHeading } from "./who.js";

const TURN_MS = 2000;
const wide = matchMedia("(min-width: 1360px)");

let busy = false;
let again = false;
let paused = false;
let outside = false;
let timer;
// The place that the rows on the screen are of.
let seen = "";

const there = () => [place.q, place.sort, place.dir, place.page, place.size].join("\n");

async function turn() {
    clearTimeout(timer);
    // A tab that is hidden has its turn when it is looked at again.
    if (document.hidden) return;
    // Whoever left is let in again by something that they do, never by a look of the page's own.
    if (outside && !inside()) return;
    outside = false;
    if (busy) {
        again = true;
        return;
    }
    busy = true;
    again = false;
    const began = performance.now();
    let failed = false;
    try {
        await look();
        // Whoever left meanwhile is told that, not that all is well.
        if (!outside) for (const name of ["gone", "over", "fault"]) notice(name, "");
        document.body.classList.remove("stale");
    } catch (fault) {
        failed = true;
        troubled(fault);
    }
    busy = false;
    const took = performance.now() - began;
    if (again) turn();
    else if (!paused && !outside) timer = setTimeout(turn, Math.max(TURN_MS, 3 * took, failed ? 4000 : 0));
}

function troubled(fault) {
    if (fault.code == 2) {
        outside = true;
        return notice("over", t("over"), "warn", button(t("login"), () => {
            outside = false;
            notice("over", "");
            turn();
        }));
    }
    document.body.classList.add("stale");
    notice(fault.code ? "fault" : "gone", words(fault), "bad");
}

// One look. All is asked at the same time, so that the daemon may read its table once for all; rows are shown when they come.
async function look() {
    const at = there();
    const stay = held() && at == seen;
    const rows = view(stay);
    const total = stay ? call("view", place.q, "", "", 0, 0) : rows;
    const others = Promise.allSettled([
        call("stats"),
        call("summary", "orig_l4proto", "", "connections", "DESC", 0, 16),
        wide.matches || place.tab == "who" ? call("summary", place.group, place.q, place.by, "DESC", 0, WHO_ROWS) : null,
    ]);
    try {
        const [page, sum] = await Promise.all([rows, total]);
        // What has been read is old if something was done meanwhile.
        if (at == there() && !again) {
            if (stay) renew(page.table);
            else present(page.table, at != seen);
            seen = at;
            frame(sum);
        }
    } catch (fault) {
        if (![3, -32602].includes(fault.code) || !place.q || at != there()) throw fault;
        wrong(fault, place.q);
        empty();
        count(0);
        return;
    }
    const [numbers, all, groups] = await others;
    const bad = [numbers, all, groups].find(one => one.reason);
    if (bad) throw bad.reason;
    use(numbers.value);
    const speeds = all.value.table.filter(row => row.rate !== undefined);
    line(speeds.length ? speeds.reduce((sum, row) => sum + row.rate, 0) : undefined);
    who(groups.value);
}

function view(stay) {
    const options = { fields: FIELDS };
    const ids = shown();
    const groups = [];
    // A filter takes 16 values in an Array, each of which may be a list.
    while (groups.length < 16 && ids.length) groups.push(ids.splice(0, 4).join(","));
    return stay && groups.length ? call("view", { id: groups }, "id", "ASC", 0, 64, options)
        : call("view", place.q, place.sort, place.dir, (place.page - 1) * place.size, place.size, options);
}

// What stands around the rows: how many there are, and why there are none.
function frame({ total, count: all, autorefresh, snapshot_age }) {
    const whole = place.q ? t("matches", { n: total, all }) : t("tracked", { n: total });
    $("total").textContent = whole;
    const deadly = place.q && total && settled();
    show($("kill-matching"), deadly);
    if (deadly) $("kill-matching").textContent = t("kill_all", { n: total });
    if (!count(total)) go({ page: Math.max(1, Math.ceil(total / place.size)) }, true);
    show($("empty"), !total);
    $("empty").textContent = total ? "" : place.q ? t("none_match") : all ? t("all_hidden") : t("none_tracked");
    const live = button(t("live"), () => set(1));
    const anew = button(t("anew"), () => act("refresh"));
    notice("frozen", autorefresh ? "" : t("frozen", { age: snapshot_age }), "", anew, live);
    show($("frozen"), autorefresh);
}

async function act(...what) {
    try {
        await call(...what);
    } catch (fault) {
        say(words(fault));
    }
    turn();
}
const set = live => act("set_autorefresh", live);

function pause(is) {
    paused = is;
    clearTimeout(timer);
    $("pause").ariaPressed = String(is);
    $("pause").textContent = t(is ? "resume" : "pause");
    say(is ? t("paused") : "");
    if (!is) turn();
}

function speakAll(code) {
    speak(code);
    document.title = `rctd · ${location.hostname}`;
    $("host").textContent = location.hostname;
    $("language").textContent = otherLanguage().toUpperCase();
    $("pause").textContent = t(paused ? "resume" : "pause");
    heading();
    whoHeading();
    examples();
}

// The system's theme, unless the switch was used: light and dark in turn.
function theme(wanted) {
    if (wanted) document.documentElement.dataset.theme = wanted;
}

function tabs() {
    document.body.dataset.tab = place.tab;
    for (const tab of document.querySelectorAll("[data-tab]")) if (tab != document.body) tab.ariaPressed = String(tab.dataset.tab == place.tab);
}

$("pause").onclick = () => pause(!paused);
$("language").onclick = () => {
    localStorage.setItem("language", otherLanguage());
    speakAll(otherLanguage());
    turn();
};
$("theme").onclick = () => {
    const dark = getComputedStyle(document.documentElement).colorScheme == "dark";
    localStorage.setItem("theme", dark ? "light" : "dark");
    theme(dark ? "light" : "dark");
};
$("leave").onclick = async () => {
    outside = true;
    await leave().catch(() => {});
    troubled({ code: 2 });
};
$("kill-matching").onclick = killMatching;
$("freeze").onclick = () => set(0);
for (const tab of document.querySelectorAll(".tabs button")) tab.onclick = () => go({ tab: tab.dataset.tab });
document.onvisibilitychange = () => { if (!paused) turn(); };
document.onkeydown = event => {
    if (event.key == "/" && !event.target.closest("input, select, dialog")) {
        event.preventDefault();
        $("q").focus();
    }
};
addEventListener("acted", turn);
wide.onchange = turn;
onMove(() => {
    tabs();
    turn();
});

theme(localStorage.getItem("theme"));
tabs();
canLeave();
speakAll(localStorage.getItem("language") ?? navigator.language.slice(0, 2));
beginFilter();
turn();
