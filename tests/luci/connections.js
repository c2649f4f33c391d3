// The page of connections on a table with traffic. Arguments: the wrapper, its folder, the port of the busiest connection.
"use strict";
const { asks, assert, axe, column, conntrack, open, picture, rows, run, until } = require("./browser.js");
const { serve } = require("./server.js");
const [, , program, folder, busy] = process.argv;

const total = page => page.locator("form[role=search] span").last().innerText();
const q = page => page.locator("#rctd-q");
const idle = page => page.mouse.move(3, 3);
const modal = page => page.locator(".modal");
const status = page => page.locator("#rctd > p[role=status]").innerText();

async function filter(page, text, count) {
    await q(page).fill(text);
    await q(page).press("Enter");
    await idle(page);
    await until(`${count} match ${text}`, async () => (await total(page)).startsWith(`Connections: ${count} of `));
}

async function loads(page) {
    await until("fifty rows", async () => await rows(page) == 50);
    await until("the busiest is first", async () => (await column(page, "Destination"))[0].includes(":" + busy), 30_000);
    assert.match((await column(page, "Rate"))[0], /bit\/s$/);
    assert.equal(await page.locator("th[aria-sort=descending]:visible").innerText(), "Rate ▼");
    assert.match(await page.locator(".cbi-progressbar").getAttribute("title"), /^1\d\d \/ \d+ \(\d+%\)$/);
    assert.equal(await page.getByRole("button", { name: /^Kill all/ }).isVisible(), false, "nobody kills all without a filter");
    assert.deepEqual(await axe(page), []);
}

// A look at a time, of a page each, at the pace of LuCI's poll.
async function polls(page, server) {
    const from = server.calls.length;
    const views = () => server.calls.slice(from).filter(call => call.argv[1] == "view").length;
    await page.waitForTimeout(10_000);
    assert.ok(views() <= 4, `${views()} looks in ten seconds`);
    await until("it goes on looking", () => views() >= 2);
    const calls = server.calls.slice(from);
    assert.ok(calls.every(call => call.running == 1), "one at a time");
    assert.ok(calls.every(call => call.bytes <= 40 * 1024), "at most 40 KiB");
    await page.getByRole("button", { name: "Pause" }).click();
    assert.equal(await asks(page, 4_000), 0, "a page that is paused asks nothing");
    const paused = server.calls.length;
    await page.getByRole("button", { name: "Go on" }).click();
    await until("it goes on", () => server.calls.length > paused);
}

async function sortsAndPages(page) {
    await page.getByRole("button", { name: "Ends in" }).click();
    await idle(page);
    await until("by what ends last", async () => /^([45] d|1 d)/.test((await column(page, "Ends in"))[0]) && (await column(page, "Ends in")).at(-1) == "1 d 1 h");
    await page.getByRole("button", { name: "Ends in" }).click();
    await idle(page);
    await until("and turned round", () => page.locator("th[aria-sort=ascending]:visible").count());
    await page.getByRole("button", { name: "Next »" }).click();
    await idle(page);
    await until("the second page", async () => (await page.locator("#rctd").innerText()).includes("51–100 / 1"));
    assert.match(page.url(), /sort=timeout&dir=ASC&page=2/);
    await page.reload();
    await until("it is in the address", async () => (await page.locator("#rctd").innerText()).includes("51–100 / 1"));
    await page.getByRole("button", { name: "« Back" }).click();
    await until("the first", async () => (await page.locator("#rctd").innerText()).includes("1–50 / 1"));
}

async function filters(page) {
    await filter(page, "src:10.1.0.0/16 udp", 40);
    assert.equal(await page.locator("#rctd-sentence").innerText(), "from 10.1.0.0/16, UDP");
    await page.locator("td[data-title=Destination] button", { hasText: "192.0.2.53" }).first().click();
    await until("a click adds the value", async () => (await total(page)).startsWith("Connections: 20 of "));
    assert.equal(await q(page).inputValue(), "src:10.1.0.0/16 udp dst:192.0.2.53");
    await page.locator("td[data-title=Source] button", { hasText: "10.1.0.3" }).first().click({ modifiers: ["Alt"] });
    await until("with Alt it is left out", async () => (await total(page)).startsWith("Connections: 15 of "));
    await q(page).fill("udp prot:tcp");
    await q(page).press("Enter");
    await until("the daemon's words", async () => (await page.locator("#rctd-sentence").innerText()).includes("did you mean proto?"));
    assert.equal(await page.locator("#rctd-sentence u").innerText(), "prot:tcp");
    assert.equal(await page.getByRole("button", { name: /^Kill all/ }).isVisible(), false, "nothing is killed by a text that was not read");
    assert.ok(await rows(page) == 15, "the rows of the last good one stay");
    await picture(page, "refused");
    await filter(page, "src:10.7.0.1", 1);
    assert.match((await column(page, "Source"))[0], /^10\.7\.0\.1:9200\s+snat 203\.0\.113\.9:9200$/);
    await page.getByRole("button", { name: "Clear" }).click();
    await until("all again", async () => /^Connections: 1\d\d$/.test(await total(page)));
}

async function kills(page) {
    await filter(page, "src:10.2.0.1", 3);
    await page.locator("tr[data-id]").first().getByRole("button", { name: "Kill" }).click();
    assert.match(await modal(page).innerText(), /Kill these connections: 1[^]*TCP 10\.2\.0\.1:\d+ → 198\.51\.100\.1:443[^]*There is no undo/);
    await modal(page).getByRole("button", { name: "Cancel" }).click();
    assert.equal(conntrack("-s", "10.2.0.1").length, 3, "a question that is left kills nobody");
    await page.locator("tr[data-id]").first().getByRole("button", { name: "Kill" }).click();
    await modal(page).getByRole("button", { name: "Kill 1" }).click();
    await until("the result is told", async () => await status(page) == "Connections killed: 1");
    assert.equal(conntrack("-s", "10.2.0.1").length, 2);

    await filter(page, "src:10.3.0.0/16 dport:8080", 12);
    for (const nth of [0, 1, 2]) await page.locator("tr[data-id] input").nth(nth).check();
    const chosen = await page.locator("tr[data-id]").evaluateAll(lines => lines.slice(0, 3).map(line => line.dataset.id));
    await page.waitForTimeout(4_000);
    assert.deepEqual(await page.locator("tr[data-id]").evaluateAll(lines => lines.slice(0, 3).map(line => line.dataset.id)), chosen, "rows that are selected stand still");
    assert.equal(await page.locator("tr[data-id] input:checked").count(), 3);
    await page.getByRole("button", { name: "Kill selected…" }).click();
    await modal(page).getByRole("button", { name: "Kill 3" }).click();
    await until("three are gone", () => conntrack("-s", "10.3.0.0/16", "-p", "tcp", "--dport", "8080").length == 9);

    await filter(page, "src:10.3.0.0/16 dport:8080", 9);
    const others = conntrack().length - 9;
    // A question that is opened while the daemon still reads the filter stays: the click is meant for it.
    let answer;
    const answered = new Promise(resolve => { answer = resolve; });
    await page.route("**/cgi-exec", async route => {
        if (/explain/.test(route.request().postData())) await answered;
        await route.continue();
    });
    await page.getByRole("button", { name: "Kill all 9…" }).click();
    await page.locator("tr[data-id]").first().getByRole("button", { name: "Kill" }).click();
    const counted = page.waitForResponse(reply => /view[^]*ASC/.test(reply.request().postData() ?? ""));
    answer();
    await counted;
    await page.waitForTimeout(500);
    assert.match(await modal(page).innerText(), /^Kill these connections: 1/);
    await modal(page).getByRole("button", { name: "Cancel" }).click();
    await page.unroute("**/cgi-exec");
    await page.getByRole("button", { name: "Kill all 9…" }).click();
    await until("the question", () => modal(page).isVisible());
    assert.match(await modal(page).innerText(), /Kill all connections that match: 9\s+from 10\.3\.0\.0\/16, to port 8080\s+src:10\.3\.0\.0\/16 dport:8080/);
    await picture(page, "question");
    await modal(page).getByRole("button", { name: "Kill 9" }).click();
    await until("the result is told", async () => await status(page) == "Connections killed: 9");
    assert.equal(conntrack("-s", "10.3.0.0/16", "-p", "tcp", "--dport", "8080").length, 0);
    assert.ok(Math.abs(conntrack().length - others) < 5, "and no other");
}

async function changes(page) {
    await filter(page, "src:10.4.0.1", 1);
    await page.locator("tr[data-id]").getByRole("button", { name: "All of this connection" }).click();
    await until("the fields", () => modal(page).isVisible());
    assert.match(await modal(page).innerText(), /orig_ipv4_dst\s+198\.51\.100\.1/);
    await modal(page).locator("input[name=mark]").fill("0x100/0x3f00");
    await modal(page).locator("form").first().getByRole("button", { name: "Set" }).click();
    await until("it is changed", () => conntrack("-s", "10.4.0.1", "-m", "256").length == 1);
    await modal(page).locator("input[name=mark]").fill("--help");
    await modal(page).locator("form").first().getByRole("button", { name: "Set" }).click();
    await until("the daemon's words", async () => (await modal(page).innerText()).includes("value"));
    await modal(page).getByRole("button", { name: "Close" }).click();
    await until("a column for the mark", async () => (await page.locator("td[data-title=Mark]").innerText()).includes("0x100"));
}

// Names are what strangers call themselves, and a filter is what somebody put into an address.
async function hostile(page, server) {
    const name = "<img/src=x/onerror=alert(1)>";
    await page.route("**/cgi-exec", async route => {
        const reply = await route.fetch();
        const body = (await reply.text()).replaceAll('"orig_ipv4_src":"10.5.0.1"', `"orig_ipv4_src":"10.5.0.1","orig_src_name":"${name}"`);
        await route.fulfill({ response: reply, body });
    });
    await filter(page, "src:10.5.0.1", 2);
    await until("the name is shown", async () => (await column(page, "Source"))[0].includes("<img"));
    assert.equal(await page.locator("#view img, #view script").count(), 0);
    await page.locator("tr[data-id]").first().getByRole("button", { name: "Kill" }).click();
    assert.ok((await modal(page).innerText()).includes(name.slice(0, 20)));
    assert.equal(await page.locator("img, .modal script").count(), 0);
    await page.keyboard.press("Escape");
    await page.locator("tr[data-id]").first().getByRole("button", { name: "All of this connection" }).click();
    await until("the details", async () => (await modal(page).innerText()).includes("orig_l4proto"));
    assert.ok((await modal(page).locator("h4").innerText()).includes(name), "the title is text too");
    assert.equal(await page.locator("img, .modal script").count(), 0);
    await modal(page).getByRole("button", { name: "Close" }).click();
    assert.equal(await page.evaluate(async () => (await L.require("rctd")).term("name", "a\",b,\"c")), 'name:"a,b,c"');
    await page.unroute("**/cgi-exec");
    const before = conntrack().length;
    for (const text of ["$(id)", "`id`", "; id", "--connect=unix:/x", "--help", "-h", "<img src=x onerror=alert(1)>", "udp\\", "' \" \\"]) {
        await page.evaluate(text => { location.hash = "#" + new URLSearchParams({ q: text }); }, text);
        await until(`${text} is refused`, async () => (await page.locator("#rctd-sentence .alert-message").count()) && await q(page).inputValue() == text);
        assert.equal(await rows(page), 0, "an address that can't be read shows nothing");
        const asked = server.calls.filter(call => call.argv[1] == "explain").at(-1);
        assert.deepEqual(asked.argv.slice(2), [text], "it is one word, as it was typed");
    }
    assert.equal(await page.locator("img").count(), 0);
    assert.ok(conntrack().length >= before - 5, "and nothing is killed");
    await page.getByRole("button", { name: "Clear" }).click();
}

async function groups(page) {
    await page.getByRole("link", { name: "Hosts and services" }).click();
    const lines = () => page.locator("table[aria-label='Hosts and services'] tr:not(.table-titles)").allInnerTexts();
    await until("hosts", async () => (await lines()).some(line => line.includes("10.6.0.1")));
    await page.getByRole("button", { name: "Connections", exact: true }).click();
    await until("who has most is first", async () => /10\.6\.0\.1\b[^]*\b60\b/.test((await lines())[0]));
    await page.locator("select:visible").selectOption("service");
    await until("services", async () => (await lines()).some(line => /^udp\/53/.test(line)));
    await picture(page, "services");
    assert.deepEqual(await axe(page), []);
    await page.getByRole("button", { name: "udp/53" }).click();
    await until("a click filters", async () => (await total(page)).startsWith("Connections: 40 of "));
    assert.equal(await q(page).inputValue(), "proto:udp dport:53");
    await page.getByRole("button", { name: "Clear" }).click();
}

async function phone(browser, server) {
    const page = await open(browser, server.url("rctd.connections", "admin"), { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await until("fifty rows", async () => await rows(page) == 50);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the screen");
    await page.getByRole("combobox", { name: "Sort by" }).selectOption("bytes");
    await until("it sorts without heads", () => /sort=bytes/.test(page.url()));
    await picture(page, "phone");
    assert.deepEqual(page.wrong, []);
    await page.context().close();
}

// Who may only read sees all and can do nothing, whatever the page says.
async function guest(browser, server) {
    const page = await open(browser, server.url("rctd.connections", "guest"));
    await until("fifty rows", async () => await rows(page) == 50);
    assert.equal(await page.getByRole("button", { name: /Kill/ }).count(), 0, "no kill is offered");
    assert.equal(await page.locator("tr[data-id] input").count(), 0);
    await page.locator("tr[data-id]").first().getByRole("button", { name: "All of this connection" }).click();
    await until("the fields", () => modal(page).isVisible());
    assert.equal(await modal(page).locator("input").count(), 0);
    await page.keyboard.press("Escape");
    const before = conntrack().length;
    // A refusal of the list is an error to the browser.
    page.offline = true;
    for (const words of [["kill", "1"], ["kill_matching", "src:10.0.0.0/8"], ["change", "mark", "1", "1"], ["passwd", "admin"], ["grant"], ["prepare"]]) {
        const said = await page.evaluate(words => L.require("rctd").then(rctd => rctd.call(...words)).catch(error => error.message), words);
        assert.match(said, /may not do that/, words.join(" "));
    }
    page.offline = false;
    // A word with a space in it makes the same line for the list, and is no method for the wrapper.
    const said = await page.evaluate(() => L.require("rctd").then(rctd => rctd.call("view kill_matching", "src:10.0.0.0/8")).catch(error => error.message));
    assert.match(said, /there is no method 'view kill_matching'/);
    assert.ok(conntrack().length >= before - 5, "nothing is killed");
    assert.deepEqual(page.wrong, []);
    await page.context().close();
}

run(async browser => {
    const server = await serve(program, folder);
    const page = await open(browser, server.url("rctd.connections", "admin"));
    await loads(page);
    await picture(page, "connections", { x: 0, y: 0, width: 1280, height: 560 });
    await polls(page, server);
    await sortsAndPages(page);
    await filters(page);
    await kills(page);
    await changes(page);
    await hostile(page, server);
    await groups(page);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    await phone(browser, server);
    await guest(browser, server);
});
