// Languages, numbers and dates. Each language is a file of its own with the same keys.
import { english } from "./en.js";
import { french } from "./fr.js";

const LANGUAGES = { en: english, fr: french };
let language = "en";
const formats = new Map();

export const otherLanguage = () => language == "en" ? "fr" : "en";

// The text of a key, with {names} filled in. Where it has forms, `n` says which.
export function t(key, values = {}) {
    let text = LANGUAGES[language][key];
    if (typeof text == "object") text = text[new Intl.PluralRules(language).select(values.n)] ?? text.other;
    return text.replace(/\{(\w+)\}/g, (_, name) => typeof values[name] == "number" ? number(values[name]) : values[name]);
}

export function speak(wanted) {
    language = LANGUAGES[wanted] ? wanted : "en";
    formats.clear();
    document.documentElement.lang = language;
    translate(document);
}

// data-t is the key of an element's text, data-ta a list of attribute:key.
function translate(root) {
    for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
    for (const element of root.querySelectorAll("[data-ta]")) {
        for (const pair of element.dataset.ta.split(" ")) {
            const [attribute, key] = pair.split(":");
            element.setAttribute(attribute, t(key));
        }
    }
}

function format(value, options) {
    const key = JSON.stringify(options);
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, options));
    return formats.get(key).format(value);
}

export const number = value => format(value, {});
export const percent = part => format(part, { style: "percent" });
export const date = seconds => new Date(seconds * 1000).toLocaleString(language);

const PREFIXES = ["", "kilo", "mega", "giga", "tera"];

function scaled(value, unit, per) {
    if (!value) return value === 0 ? "0" : "–";
    const power = value < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3 + 1e-9));
    const shown = value / 1000 ** power;
    const digits = power && shown < 100 ? 1 : 0;
    const name = PREFIXES[power] + unit + per;
    return format(shown, { style: "unit", unit: name, minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// Bytes, and bytes a second as bits a second, in powers of 1000. What is unknown is a dash.
export const bytes = value => scaled(value, "byte", "");
export const rate = value => scaled(value && value * 8, "bit", "-per-second");

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

// Seconds as the two largest units that they have.
export function duration(seconds) {
    if (seconds === undefined) return "–";
    const from = seconds ? UNITS.findIndex(([, size]) => seconds >= size) : 3;
    const told = UNITS.slice(from, from + 2).map(([unit, size], nth) => {
        const count = Math.floor((nth ? seconds % UNITS[from][1] : seconds) / size);
        return nth && !count ? "" : format(count, { style: "unit", unit, unitDisplay: "narrow" });
    });
    return told.join(" ").trim();
}
