// What changes something: kills and changes, each after a question, and the login. One dialog serves all.
import { askWith, ask, call, Fault } from "./call.js";
import { $, button, el, say, show } from "./dom.js";
import { addTerm } from "./filter.js";
import { hex, sentence, term } from "./flow.js";
import { place } from "./place.js";
import { ended } from "./table.js";
import { date, number, t } from "./text.js";

const dialog = $("dialog");
let settle;

// Opens the dialog, in place of another; resolves to what `close` is given, or to nothing when it is left.
function open(title, fill) {
    return new Promise(resolve => {
        settle?.();
        settle = resolve;
        const close = value => {
            resolve(value);
            dialog.close();
        };
        dialog.replaceChildren(el("h2", { id: "dialog-title", textContent: title }), ...fill(close));
        if (!dialog.open) dialog.showModal();
        dialog.querySelector("[data-first]")?.focus();
    });
}
dialog.onclose = () => {
    // One question may have followed another.
    if (dialog.open) return;
    settle?.();
    dialog.replaceChildren();
};

const paragraph = (textContent, className = "") => el("p", { textContent, className });

function actions(...buttons) {
    return el("p", { className: "actions" }, ...buttons);
}

function focused(control) {
    control.dataset.first = "";
    return control;
}

// A fault in words: those of the daemon, and before them what to make of it.
export function words(fault) {
    if (fault.code == 0) return t("gone");
    if (fault.code == 5 && /EPERM/.test(fault.message)) return `${t("no_right")} ${fault.message}`;
    return fault.code === undefined ? String(fault) : fault.message;
}

// After something was done the table is looked at again.
const acted = () => dispatchEvent(new Event("acted"));

async function attempt(deed) {
    try {
        await deed();
    } catch (fault) {
        say(words(fault));
    }
    acted();
}

const confirmed = (title, told, act) => open(title, close => [
    ...told,
    paragraph(t("no_undo"), "warning"),
    actions(focused(button(t("cancel"), () => close(false))), " ", button(act, () => close(true), "danger solid")),
]);

export async function kill(rows) {
    const n = rows.length;
    const list = el("ul", {}, ...rows.slice(0, 5).map(row => el("li", { textContent: sentence(row) })));
    const told = n > 5 ? [list, paragraph(t("and_more", { n: n - 5 }))] : [list];
    if (!await confirmed(t("kill_title", { n }), told, t("kill_n", { n }))) return;
    await attempt(async () => {
        const ids = rows.map(row => row.id);
        const killed = await call("kill", ids);
        ids.forEach(ended);
        say(t("killed", { n: killed }) + (killed < n ? " " + t("ended_before", { n: n - killed }) : ""));
    });
}

// Kills by the very text that was read back and counted for the question.
export function killMatching() {
    const filter = place.q;
    if (!filter) return;
    return attempt(async () => {
        const [told, { total }] = await Promise.all([ask("explain", filter), call("view", filter, "", "", 0, 0)]);
        // A question that was opened meanwhile is the one that a click is meant for.
        if (dialog.open || filter != place.q) return;
        const says = paragraph(told, "sentence");
        says.lang = "en";
        const content = [says, el("p", {}, el("code", { textContent: filter })), paragraph(t("spared"))];
        if (!await confirmed(t("kill_title", { n: total }), content, t("kill_n", { n: total }))) return;
        say(t("killed", { n: await call("kill_matching", filter) }));
    });
}

// One line of the details: a field, its value, and the filters that it makes.
function detail(name, value, close) {
    const filter = exclude => () => {
        close();
        addTerm(term(name, value), exclude);
    };
    const filters = /counter|^use$|rate$/.test(name) ? [] : [
        button(t("only"), filter(false)), " ", button(t("without"), filter(true)),
    ];
    return el("tr", {},
        el("th", { scope: "row", textContent: name }),
        el("td", { textContent: written(name, value) }),
        el("td", { className: "filters" }, ...filters));
}

function written(name, value) {
    if (name == "start") return date(value);
    if (name == "mark" || name == "status") return hex(value);
    return /counter|rate$|^timeout$/.test(name) ? number(value) : String(value);
}

// A field to change, with what the daemon says of it beneath.
function change(name, row, value) {
    const input = el("input", { id: "new-" + name, value, size: 14, autocomplete: "off", inputMode: name == "timeout" ? "numeric" : "text" });
    const said = el("span", { className: "hint", textContent: t(name + "_hint") });
    const form = el("form", { className: "change" }, el("label", { htmlFor: input.id, textContent: t("new_" + name) }), input, el("button", { textContent: t("set") }), said);
    form.onsubmit = async event => {
        event.preventDefault();
        try {
            await call("change", name, row.id, input.value.trim());
            said.textContent = t("changed");
            said.className = "hint done";
            say(t("changed"));
            acted();
        } catch (fault) {
            said.textContent = words(fault);
            said.className = "hint wrong";
        }
    };
    return form;
}

// All that is known of a connection, with what can be done to it.
export async function details(row) {
    let all;
    try {
        [all] = (await call("view", { id: row.id }, "", "", 0, 1)).table;
    } catch (fault) {
        return say(words(fault));
    }
    if (!all) return ended(row.id);
    const deadly = await open(sentence(all), close => [
        change("mark", all, hex(all.mark)),
        change("timeout", all, all.timeout ?? ""),
        el("div", { className: "fields", tabIndex: 0, role: "region", ariaLabel: t("details") },
            el("table", {}, el("tbody", {}, ...Object.entries(all).sort().map(([name, value]) => detail(name, value, close))))),
        actions(focused(button(t("close"), () => close(false))), " ", button(t("kill") + "…", () => close(true), "danger")),
    ]);
    if (deadly) kill([all]);
}

// Who had to log in may log out, after a reload too.
export const canLeave = () => show($("leave"), sessionStorage.getItem("asked"));

// Asks for name and password until they are right, or gives up with a fault of code 2 when the dialog is left.
askWith(async enter => {
    const user = el("input", { id: "user", autocomplete: "username", autocapitalize: "off", required: true });
    const password = el("input", { id: "password", type: "password", autocomplete: "current-password" });
    const said = el("p", { className: "wrong", role: "alert" });
    const entered = await open(t("login"), close => {
        const form = el("form", { className: "login" },
            el("label", { htmlFor: "user", textContent: t("user") }), focused(user),
            el("label", { htmlFor: "password", textContent: t("password") }), password,
            said, actions(el("button", { textContent: t("enter"), className: "solid" })));
        form.onsubmit = async event => {
            event.preventDefault();
            try {
                await enter(user.value, password.value);
                close(true);
            } catch (fault) {
                said.textContent = fault.code == 1 ? t("wrong_password") : words(fault);
                password.select();
            }
        };
        return [form];
    });
    if (!entered) throw new Fault(2, t("over"));
    sessionStorage.setItem("asked", "yes");
    canLeave();
});
