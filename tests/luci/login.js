// The page before a daemon that asks for a password. Arguments: the wrapper and its folder.
"use strict";
const { assert, open, rows, run, until } = require("./browser.js");
const { serve } = require("./server.js");
const [, , program, folder] = process.argv;

run(async browser => {
    const server = await serve(program, folder);
    const guest = await open(browser, server.url("rctd.connections", "guest"));
    const asked = page => page.locator("[data-name=trouble]");
    await until("the daemon's words", () => asked(guest).count());
    assert.equal(await guest.getByRole("button", { name: "Let LuCI in" }).count(), 0, "who may only read lets nobody in");
    const page = await open(browser, server.url("rctd.connections", "admin"));
    await page.getByRole("button", { name: "Let LuCI in" }).click();
    await until("rows", async () => await rows(page) == 50);
    assert.equal(await asked(page).count(), 0);
    await until("rows for the guest", async () => await rows(guest) == 50);
    assert.ok(server.calls.every(call => !/[0-9a-f]{32}/.test(call.argv.join(" "))), "the password is in no command line");
    assert.deepEqual([...page.wrong, ...guest.wrong], []);
});
