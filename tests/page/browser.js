// What the tests of the page share: a browser, what it may not do, and independent looks at the kernel's table.
"use strict";
const assert = require("node:assert/strict");
const children = require("node:child_process");
const { chromium } = require("playwright-core");

// Debian's launcher is a shell script that looks around; the program itself needs none of what it finds.
const CHROMIUM = ["/usr/lib/chromium/chromium", "/usr/bin/chromium"].find(path => require("node:fs").existsSync(path));
const AXE = require("node:fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// Opens a page in a browser context of its own. Whatever the page does wrong by itself fails the test at its end.
async function open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const origin = new URL(url).origin;
    const wrong = [];
    page.on("console", message => {
        // While a test has the daemon stopped, the browser says so itself.
        if (["error", "warning"].includes(message.type()) && !page.offline) wrong.push(`console: ${message.text()}`);
    });
    page.on("pageerror", error => wrong.push(`error: ${error.stack}`));
    page.asked = 0;
    page.underWay = new Set();
    page.on("request", request => {
        page.asked += 1;
        page.underWay.add(request);
        if (!request.url().startsWith(origin + "/")) wrong.push(`a request to ${request.url()}`);
    });
    for (const end of ["requestfinished", "requestfailed"]) page.on(end, request => page.underWay.delete(request));
    page.on("dialog", dialog => {
        wrong.push(`a dialog of the browser's: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.wrong = wrong;
    await page.goto(url);
    return page;
}

// Waits until `probe` gives what is true, and returns it.
async function until(what, probe, patience = 20_000) {
    const end = Date.now() + patience;
    let last;
    while (Date.now() < end) {
        last = await probe();
        if (last) return last;
        await new Promise(resolve => setTimeout(resolve, 50));
    }
    throw new Error(`in ${patience} ms it did not come to be: ${what}`);
}

// How many requests the page sends in `ms`, counted from when its answers have come and nothing has followed them.
async function asks(page, ms) {
    let busy = Date.now();
    await until("nothing is under way", () => {
        if (page.underWay.size) busy = Date.now();
        return Date.now() - busy > 500;
    });
    const before = page.asked;
    await page.waitForTimeout(ms);
    return page.asked - before;
}

// A process that does not outlive the test.
function spawn(...command) {
    const child = children.spawn(...command);
    process.on("exit", () => child.kill("SIGKILL"));
    return child;
}

// Ends one of these as an init system does, and waits for it.
function stop(child) {
    return new Promise(resolve => {
        child.on("exit", resolve);
        child.kill("SIGTERM");
    });
}

// The texts of one column, by its class.
const column = (page, name) => page.locator(`#flows tbody td.${name}`).allInnerTexts();
const rows = page => page.locator("#flows tbody tr:not(.gone)").count();
const text = (page, selector) => page.locator(selector).innerText();

// What conntrack(8) lists, a line for each connection.
function conntrack(...options) {
    const listed = children.execFileSync("conntrack", ["-L", ...options], { stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" });
    return listed.split("\n").filter(line => line);
}

// Findings of axe-core that are serious or critical, a line for each. `evaluate` is not bound by the page's policy.
async function axe(page) {
    await page.evaluate(AXE);
    const found = await page.evaluate(() => axe.run(document));
    return found.violations.filter(one => ["serious", "critical"].includes(one.impact))
        .map(one => `${one.impact} ${one.id}: ${one.nodes.map(node => node.html + " " + node.failureSummary).join(" | ")}`);
}

// A picture for people, into the folder that RCTD_TEST_PICTURES names.
async function picture(page, name) {
    const folder = process.env.RCTD_TEST_PICTURES;
    if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

// Runs the test with a browser, and says "fine" if nothing threw.
async function run(test) {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    try {
        await test(browser);
        console.log("fine");
    } catch (error) {
        const pages = browser.contexts().flatMap(context => context.pages());
        for (const page of pages) console.log(page.url(), page.wrong, await page.innerText("body").catch(() => ""));
        if (process.env.RCTD_TEST_PICTURES) for (const page of pages) await picture(page, "failed");
        console.log(error.stack);
        process.exitCode = 1;
    }
    await browser.close();
    // A process that was started and a server that listens would keep the test from its end.
    process.exit();
}

module.exports = { asks, assert, axe, column, conntrack, open, picture, rows, run, spawn, stop, text, until };
