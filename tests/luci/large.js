// The page on a table of 65,536 connections with the longest addresses. Arguments: the wrapper and its folder.
"use strict";
const { assert, open, picture, rows, run, until } = require("./browser.js");
const { serve } = require("./server.js");
const [, , program, folder] = process.argv;

run(async browser => {
    const server = await serve(program, folder);
    const page = await open(browser, server.url("rctd.connections", "admin"));
    await until("fifty rows", async () => await rows(page) == 50, 30_000);
    assert.match(await page.locator("#rctd").innerText(), /1–50 \/ 655\d\d/);
    await page.getByRole("button", { name: "Ends in" }).click();
    await page.mouse.move(3, 3);
    await until("the last to end is first", async () => (await page.locator("td[data-title='Ends in']").first().innerText()) == "5 d 9 h", 30_000);
    assert.match(await page.locator("td[data-title=Source]").first().innerText(), /^0{50,}\d+\s+\[fdaa:[^]*snat \[2001:db8:/, "a row with all that it can have");
    const last = 1310;
    await page.evaluate(last => { location.hash = location.hash.replace("page=1", `page=${last}`); }, last);
    await until("the last pages", async () => /65451–65500 \/ 655/.test(await page.locator("#rctd").innerText()), 30_000);
    await page.getByRole("link", { name: "Hosts and services" }).click();
    await until("hosts", async () => await page.locator("table[aria-label='Hosts and services'] tr").count() == 27, 30_000);
    await picture(page, "large-hosts");
    await page.waitForTimeout(7_000);
    const most = Math.max(...server.calls.map(call => call.bytes));
    const slowest = Math.max(...server.calls.map(call => call.took ?? 0));
    console.log(`${server.calls.length} calls, the largest reply ${most} bytes, the slowest ${slowest} ms`);
    assert.ok(most > 25_000 && most <= 40 * 1024, `${most} bytes`);
    assert.ok(server.calls.every(call => call.running == 1), "one at a time");
    // The browser holds what it shows and no more.
    assert.ok(await page.evaluate(() => document.querySelectorAll("*").length) < 5_000);
    assert.deepEqual(page.wrong, []);
});
