// The page while the daemon is stopped and started. Arguments: the wrapper, its folder, where the daemon listens.
"use strict";
const fs = require("node:fs");
const { assert, open, picture, rows, run, spawn, stop, until } = require("./browser.js");
const { serve } = require("./server.js");
const [, , program, folder, place] = process.argv;

const start = () => spawn(process.env.RCTD_BIN, ["--listen", place], { stdio: "ignore" });

run(async browser => {
    const server = await serve(program, folder);
    const page = await open(browser, server.url("rctd.connections", "admin"));
    const trouble = page.locator("[data-name=trouble]");
    await until("it says that there is no daemon", async () => (await trouble.count()) && /no daemon answers/.test(await trouble.innerText()));
    assert.equal(await rows(page), 0);
    assert.equal(await trouble.getByRole("link").getAttribute("href"), "/admin/services/rctd");
    await picture(page, "stopped");
    let daemon = start();
    await until("rows once it runs", async () => await rows(page) == 50);
    assert.equal(await trouble.count(), 0, "the trouble is over");
    await stop(daemon);
    await until("it says so", () => trouble.count());
    assert.equal(await rows(page), 50, "what was seen last stays");
    const from = server.calls.length;
    await page.waitForTimeout(7_000);
    const calls = server.calls.slice(from);
    assert.ok(calls.length >= 1 && calls.length <= 4 && calls.every(call => call.running == 1), `${calls.length} tries in seven seconds`);
    // A filter that nobody can read now is neither refused nor lost.
    await page.locator("#rctd-q").fill("src:10.1.0.0/16");
    await page.locator("#rctd-q").press("Enter");
    daemon = start();
    await until("the filter is used once it runs", async () => await rows(page) == 40);
    await stop(daemon);
    // What is no answer at all.
    fs.writeFileSync(program, "#!/bin/sh\nprintf '{\"table\":[{\"id\"'\nprintf '{\"failed\":\"rctd: the connection ended early\",\"exit\":1}\\n'\n");
    await until("a reply that is cut off", async () => /ended early/.test(await trouble.innerText().catch(() => "")));
    fs.writeFileSync(program, "#!/bin/sh\necho '<b>'\n");
    await until("a reply that is no JSON", async () => /no JSON/.test(await trouble.innerText().catch(() => "")));
    assert.deepEqual(page.wrong, []);
});
