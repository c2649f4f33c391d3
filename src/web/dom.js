// Finding and making elements. Texts become text nodes: nothing that the daemon says is ever read as HTML.
export const $ = id => document.getElementById(id);

export function el(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

export const button = (text, onclick, className = "") =>
    el("button", { type: "button", textContent: text, onclick, className });

export const show = (element, shown) => { element.hidden = !shown; };

// Says the result of what the user did, to readers of the screen as well.
let silence;
export function say(text) {
    $("status").textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { $("status").textContent = ""; }, 8000);
}

// Shows, changes or, without a text, takes away the notice of this name.
const notices = {};
export function notice(name, text, className = "", ...more) {
    const old = notices[name];
    if (old?.text === text) return;
    old?.box.remove();
    delete notices[name];
    if (!text) return;
    const box = el("div", { className: "notice " + className }, el("span", { textContent: text }), ...more);
    notices[name] = { text, box };
    $("notices").append(box);
}
