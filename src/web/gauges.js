// The line and the table at a glance: the rate of all connections over five minutes, and how full the kernel's table is.
import { $, notice, show } from "./dom.js";
import { number, percent, rate, t } from "./text.js";

const SPAN_MS = 300_000;
const samples = [];

// `speed` in bytes a second; undefined is a gap.
export function line(speed) {
    const now = Date.now();
    samples.push([now, speed]);
    while (now - samples[0][0] > SPAN_MS) samples.shift();
    const known = samples.map(sample => sample[1]).filter(one => one !== undefined);
    show($("line"), known.length);
    if (!known.length) return;
    const most = Math.max(1, ...known);
    const span = Math.max(60_000, now - samples[0][0]);
    const x = at => Math.round(1200 - 1200 * (now - at) / span) / 10;
    const y = one => Math.round(270 - 250 * one / most) / 10;
    let edge = "";
    let area = "";
    let open;
    for (const [at, one] of samples) {
        if (one === undefined) {
            if (open) area += `V28Z`;
            open = false;
            continue;
        }
        edge += `${open ? "L" : "M"}${x(at)} ${y(one)}`;
        area += `${open ? "L" : `M${x(at)} 28L`}${x(at)} ${y(one)}`;
        open = true;
    }
    const [under, over] = $("line").querySelectorAll("path");
    under.setAttribute("d", area + (open ? "V28Z" : ""));
    over.setAttribute("d", edge);
    const told = { now: rate(speed), least: rate(Math.min(...known)), most: rate(most) };
    $("line").querySelector("svg").setAttribute("aria-label", t("line", told));
    $("line").title = t("line", told);
    $("line").querySelector("figcaption").textContent = told.now;
}

const baseline = {};

// What `stats` says of the table, and whether connections were lost since this page was opened.
export function use({ count, max, kernel, accounting }) {
    const part = max ? count / max : 0;
    show($("use"), true);
    $("use").className = part >= 0.9 ? "full" : part >= 0.75 ? "high" : "";
    $("use").querySelector(".fill").setAttribute("width", Math.max(1, Math.min(120, 120 * part)));
    const told = max ? t("use", { count, max, percent: percent(part) }) : t("tracked", { n: count });
    $("use").title = told;
    $("use").querySelector("svg").setAttribute("aria-label", told);
    $("use").querySelector("figcaption").textContent = max ? `${number(count)} / ${number(max)}` : number(count);
    notice("full", part >= 0.75 && t("filling", { percent: percent(part) }), "warn");
    for (const name of ["early_drop", "insert_failed"]) {
        const lost = kernel[name] - (baseline[name] ??= kernel[name]);
        notice(name, lost > 0 && t(name, { n: lost }), "warn");
    }
    notice("accounting", accounting === 0 && t("no_accounting"));
}
