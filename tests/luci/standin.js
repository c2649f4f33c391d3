/*
 * A stand-in for LuCI's client, of its documented interface and no more than the pages of rctd use: what a module gets
 * by "require", how a view lives, and that a string in place of an array of children is taken for HTML.
 */
"use strict";

String.prototype.format = function (...values) {
    let nth = 0;
    return this.replace(/%(%|[ds])/g, (all, kind) => kind == "%" ? "%" : kind == "d" ? String(Math.trunc(Number(values[nth++]))) : String(values[nth++]));
};
window._ = text => text;

const dom = {
    elem: node => node instanceof Node,
    append(node, children) {
        if (Array.isArray(children)) {
            for (const child of children) {
                if (dom.elem(child)) node.appendChild(child);
                else if (child !== null && child !== undefined) node.appendChild(document.createTextNode(String(child)));
            }
        } else if (dom.elem(children)) node.appendChild(children);
        else if (children !== null && children !== undefined) node.innerHTML = String(children);
        return node.lastChild;
    },
    content(node, children) {
        node.replaceChildren();
        return dom.append(node, children);
    },
};

window.E = (tag, attributes, children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (typeof value == "function") node.addEventListener(name, value);
        else if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    dom.append(node, children);
    return node;
};

class Base {
    static extend(members) {
        const made = class extends this {};
        for (const [name, value] of Object.entries(members)) made.prototype[name] = value;
        return made;
    }
}

const poll = {
    queue: [],
    add(fn, interval) {
        poll.queue.push({ fn, interval, ready: true });
        if (!poll.active()) poll.start();
    },
    start() {
        if (poll.active()) return false;
        poll.tick = 0;
        poll.timer = setInterval(poll.step, 1000);
        poll.step();
        document.dispatchEvent(new CustomEvent("poll-start"));
        return true;
    },
    stop() {
        if (!poll.active()) return false;
        document.dispatchEvent(new CustomEvent("poll-stop"));
        clearInterval(poll.timer);
        poll.timer = undefined;
        return true;
    },
    step() {
        for (const entry of poll.queue) {
            if (poll.tick % entry.interval || !entry.ready) continue;
            entry.ready = false;
            Promise.resolve(entry.fn()).finally(() => { entry.ready = true; });
        }
        poll.tick++;
    },
    active: () => poll.timer !== undefined,
};

const ui = {
    showModal(title, children, ...classes) {
        const modal = document.querySelector("#modal_overlay > .modal");
        modal.className = ["modal", ...classes].join(" ");
        dom.content(modal, E("h4", {}, title));
        dom.append(modal, children);
        document.body.classList.add("modal-overlay-active");
        return modal;
    },
    hideModal() {
        document.body.classList.remove("modal-overlay-active");
    },
    createHandlerFn: (context, fn, ...values) => event => {
        const button = event.currentTarget;
        button.disabled = true;
        return Promise.resolve((typeof fn == "string" ? context[fn] : fn).call(context, ...values, event)).finally(() => { button.disabled = false; });
    },
};

const failed = status => {
    const error = new Error(String(status));
    error.name = { 400: "InvalidArgumentError", 403: "PermissionError", 404: "NotFoundError" }[status] ?? "Error";
    throw error;
};

const fs = {
    // The command is one text: words are parted by spaces, and those inside of a word are escaped.
    async exec_direct(command, words, type) {
        const text = [command, ...(words ?? [])].map(word => String(word).replace(/\\/g, "\\\\").replace(/(\s)/g, "\\$1")).join(" ");
        const reply = await fetch("/cgi-exec", {
            method: "POST", body: `sessionid=${encodeURIComponent(L.env.sessionid)}&command=${encodeURIComponent(text)}`,
        });
        if (reply.status != 200) failed(reply.status);
        return type == "json" ? reply.json() : reply.text();
    },
    async write(path, data, mode) {
        const reply = await fetch("/file-write", { method: "POST", body: JSON.stringify({ session: L.env.sessionid, path, data, mode }) });
        if (reply.status != 200) failed(reply.status);
        return 0;
    },
};

// Forms: what was asked for is kept, for the test to read, and drawn as plain fields.
class Option {
    constructor(kind, name, title) {
        Object.assign(this, { kind, name, title, values: [] });
    }
    value(key) {
        this.values.push(key);
    }
}
class Section {
    constructor(kind, title) {
        Object.assign(this, { kind, title, options: [], tabs: [] });
    }
    tab(name) {
        this.tabs.push(name);
    }
    taboption(tab, kind, name, title) {
        if (!this.tabs.includes(tab)) throw new Error(`no tab ${tab}`);
        const option = new Option(kind, name, title);
        this.options.push(option);
        return option;
    }
    render() {
        return E("div", { class: "cbi-section" }, this.options.map(option => E("label", { class: "cbi-value" }, [option.title, E("input", { name: option.name })])));
    }
}
const form = {
    Map: class {
        constructor(config, title, description) {
            Object.assign(this, { config, title, description, sections: [] });
            form.made = this;
        }
        section(kind, ...rest) {
            const section = new Section(kind, rest.at(-1));
            this.sections.push(section);
            return section;
        }
        async render() {
            return E("div", { class: "cbi-map" }, [E("h2", {}, [this.title]), E("div", {}, [this.description]), ...this.sections.map(section => section.render())]);
        }
    },
    NamedSection: "NamedSection", TypedSection: "TypedSection",
    Flag: "Flag", Value: "Value", ListValue: "ListValue", DynamicList: "DynamicList",
};

const View = Base.extend({ load() {}, render() {} });
const modules = { baseclass: Base, view: View, poll, dom, ui, fs, form };

window.L = {
    env: JSON.parse(document.currentScript.dataset.env),
    hasViewPermission: () => L.env.write,
    url: path => "/" + path,
    form,
    async require(name) {
        if (modules[name]) return modules[name];
        const reply = await fetch(`/luci-static/resources/${name.replaceAll(".", "/")}.js`);
        if (reply.status != 200) throw new Error(`there is no module ${name}`);
        const text = await reply.text();
        const required = [...text.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/gm)].map(found => [found[1], found[2] ?? found[1].split(".").at(-1)]);
        const given = await Promise.all(required.map(([name]) => L.require(name)));
        const made = new Function("window", "document", "L", ...required.map(([, as]) => as), text)(window, document, L, ...given);
        return modules[name] = new made();
    },
};

addEventListener("keydown", event => { if (event.key == "Escape") ui.hideModal(); });
addEventListener("DOMContentLoaded", async () => {
    const view = await L.require("view." + L.env.view);
    const found = await view.load();
    dom.content(document.querySelector("#view"), await view.render(found));
    document.body.dataset.ready = "";
});
