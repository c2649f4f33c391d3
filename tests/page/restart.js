// A daemon that goes and comes again under the page. Argument: the program.
"use strict";
const { asks, assert, open, rows, run, spawn, stop, text, until } = require("./browser.js");
const program = process.env.RCTD_BIN;

// Starts the daemon; resolves to its process and where it listens.
function start(listen) {
    const daemon = spawn(program, ["--listen", listen], { stdio: ["ignore", "ignore", "pipe"] });
    return new Promise((resolve, reject) => {
        let said = "";
        daemon.stderr.on("data", data => {
            said += data;
            const found = /listening on (\S+)/.exec(said);
            if (found) resolve({ daemon, address: found[1] });
        });
        daemon.on("exit", code => reject(new Error(`the daemon ended with ${code}: ${said}`)));
    });
}

run(async browser => {
    const first = await start("127.0.0.1:0");
    const page = await open(browser, `http://${first.address}/#q=tcp`);
    await until("the rows", async () => await rows(page) > 0);
    page.offline = true;
    await stop(first.daemon);
    await until("it is told", async () => (await text(page, "#notices")).includes("The daemon does not answer."));
    assert.ok(await rows(page) > 0, "what was seen stays");
    const second = await start(first.address);
    await until("it goes on by itself", async () => await text(page, "#notices") === "");
    page.offline = false;
    assert.equal(await page.locator("#q").inputValue(), "tcp");
    // Nobody looks: nothing is asked.
    await page.evaluate(() => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    });
    assert.equal(await asks(page, 3000), 0, "a hidden tab asks nothing");
    const before = page.asked;
    await page.evaluate(() => {
        Object.defineProperty(document, "hidden", { value: false, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    });
    await until("it goes on", () => page.asked > before);
    assert.deepEqual(page.wrong, []);
    await stop(second.daemon);
});
