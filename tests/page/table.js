// The page on a table with traffic: looking, filtering, killing and changing. Arguments: the page's URL, the port that the
// busiest connection goes to, that of a slow one.
"use strict";
const { asks, assert, axe, column, conntrack, open, picture, rows, run, text, until } = require("./browser.js");
const [, , url, busy, slow] = process.argv;

const filter = page => page.locator("#q");
const total = page => text(page, "#total");
const place = page => new URLSearchParams(new URL(page.url()).hash.slice(1));
const idle = page => page.mouse.move(5, 5);
const settled = (page, wanted) => until(`the count is "${wanted}"`, async () => await total(page) === wanted || total(page).then(now => now.startsWith(wanted)));

async function type(page, words) {
    await filter(page).fill("");
    await filter(page).pressSequentially(words);
    await filter(page).press("Escape");
}

// The first view: all that a newcomer needs without reading anything.
async function firstView(page) {
    await until("the busiest connection is first", async () => (await column(page, "destination"))[0]?.includes(":" + busy));
    await until("its rate is known", async () => /b\/s/.test((await column(page, "rate"))[0]));
    assert.equal(await page.locator("#flows th.rate").getAttribute("aria-sort"), "descending");
    assert.equal(await rows(page), 50);
    assert.match(await text(page, "#range"), /^1–50 of 1\d\d$/);
    assert.match(await total(page), /^1\d\d connections$/);
    assert.equal(await page.locator("#kill-matching").isVisible(), false, "nobody kills all without a filter");
    await until("the table's use", async () => /^1\d\d \/ [\d,]+$/.test(await text(page, "#use figcaption")));
}

async function sortAndPage(page) {
    await page.click("#flows th.ends button");
    await until("it is sorted", () => page.locator("#flows th.ends[aria-sort=descending]").count());
    await page.click("#flows th.ends button");
    await until("it is turned round", () => page.locator("#flows th.ends[aria-sort=ascending]").count());
    assert.equal(place(page).get("sort"), "timeout");
    await page.click("#next");
    await until("the second page", async () => (await text(page, "#range")).startsWith("51–"));
    assert.equal(place(page).get("page"), "2");
    const before = page.url();
    await page.reload();
    await until("the same page after a reload", async () => (await text(page, "#range")).startsWith("51–"));
    assert.equal(page.url(), before);
    await page.goBack();
    await until("the first page again", async () => (await text(page, "#range")).startsWith("1–50"));
    await page.goBack();
    await until("descending again", () => page.locator("#flows th.ends[aria-sort=descending]").count());
    await page.goBack();
    await until("by rate again", () => page.locator("#flows th.rate[aria-sort=descending]").count());
}

async function filterByTypingAndClicking(page) {
    await type(page, "src:10.1.0.0/16 udp");
    await settled(page, "40 of ");
    assert.equal(await text(page, "#sentence"), "from 10.1.0.0/16, UDP");
    assert.equal(place(page).get("q"), "src:10.1.0.0/16 udp");
    await idle(page);
    await page.locator("#flows tbody td.destination .value", { hasText: "192.0.2.53" }).first().click();
    await until("a click adds the value", async () => await filter(page).inputValue() === "src:10.1.0.0/16 udp dst:192.0.2.53");
    await settled(page, "20 of ");
    await page.locator("#flows tbody td.source .value", { hasText: "10.1.0.3" }).first().click({ modifiers: ["Alt"] });
    await until("alt-click excludes it", async () => (await filter(page).inputValue()).endsWith(" !src:10.1.0.3"));
    await settled(page, "15 of ");
    await page.goBack();
    await settled(page, "20 of ");
    assert.equal(await filter(page).inputValue(), "src:10.1.0.0/16 udp dst:192.0.2.53", "the box has the text of the URL");
    await page.click("#clear");
    await until("all again", async () => /^1\d\d connections$/.test(await total(page)));
}

async function errorUnderTheWord(page) {
    await type(page, "udp prot:tcp");
    await until("the daemon's words", async () => (await text(page, "#sentence")).includes("did you mean proto?"));
    assert.equal(await page.locator("#under u").innerText(), "prot:tcp");
    assert.equal(await filter(page).getAttribute("aria-invalid"), "true");
    const word = await page.locator("#under u").boundingBox();
    const box = await filter(page).boundingBox();
    assert.ok(word.x > box.x + 20 && word.y >= box.y && word.y + word.height <= box.y + box.height + 2, "it stands under its word");
    assert.equal(await page.locator("#kill-matching").isVisible(), false, "nothing can be killed by a text that was not read");
    assert.ok(await rows(page) > 0, "the rows of the last good filter stay");
    await type(page, "sta");
    const offered = await page.locator("#words").allInnerTexts().catch(() => []);
    await filter(page).press("t");
    await filter(page).press("ArrowDown");
    assert.equal(await page.locator("#words [aria-selected=true]").innerText(), "state:", offered.join());
    await filter(page).press("Enter");
    await filter(page).pressSequentially("est");
    await filter(page).press("ArrowDown");
    await filter(page).press("Enter");
    assert.equal(await filter(page).inputValue(), "state:established ");
    await until("a completed filter is used", async () => place(page).get("q") === "state:established");
    await page.click("#clear");
}

async function killOne(page) {
    await type(page, "src:10.2.0.1");
    await settled(page, "3 of ");
    const before = conntrack("-s", "10.2.0.1").length;
    const line = page.locator("#flows tbody tr").first();
    await line.hover();
    await line.getByRole("button", { name: "Kill" }).click();
    assert.match(await text(page, "#dialog"), /TCP 10\.2\.0\.1:\d+ → 198\.51\.100\.1:443/);
    assert.match(await text(page, "#dialog"), /There is no undo/);
    await page.keyboard.press("Escape");
    await page.waitForTimeout(300);
    assert.equal(conntrack("-s", "10.2.0.1").length, before, "a question that is left kills nobody");
    await line.hover();
    await line.getByRole("button", { name: "Kill" }).click();
    await page.locator("#dialog .danger").click();
    await until("the result is told", async () => await text(page, "#status") === "1 connection killed.");
    assert.equal(conntrack("-s", "10.2.0.1").length, before - 1);
    assert.ok(await line.evaluate(row => row.classList.contains("gone")), "it greys before it goes");
    await idle(page);
    await settled(page, "2 of ");
    await until("it is gone", async () => await rows(page) === 2);
}

async function killSelected(page) {
    const boxes = page.locator("#flows tbody input");
    await boxes.nth(0).check();
    await boxes.nth(1).check();
    assert.equal(await text(page, "#chosen span"), "2 selected");
    await page.click("#kill-chosen");
    assert.match(await text(page, "#dialog"), /Kill 2 connections\?/);
    await page.locator("#dialog .danger").click();
    await until("the result is told", async () => await text(page, "#status") === "2 connections killed.");
    assert.equal(conntrack("-s", "10.2.0.1").length, 0);
    await idle(page);
    await until("emptiness is explained", async () => await text(page, "#empty") === "No connection matches.");
}

async function killMatching(page) {
    await type(page, "src:10.3.0.0/24 dport:8080");
    await settled(page, "12 of ");
    const others = conntrack("-p", "tcp", "-s", "10.3.0.1", "--dport", "9090").length;
    assert.ok(others > 0);
    await until("the kill is offered", async () => await text(page, "#kill-matching") === "Kill all 12…");
    // A question that is opened while the daemon still reads the filter stays: the click is meant for it.
    let answer;
    const answered = new Promise(resolve => { answer = resolve; });
    await page.route("**/RPC2", async route => {
        if (/<methodName>explain/.test(route.request().postData())) await answered;
        await route.continue();
    });
    await page.click("#kill-matching");
    await page.locator("#flows tbody tr").first().hover();
    await page.locator("#flows tbody tr").first().getByRole("button", { name: "Kill" }).click();
    const read = page.waitForResponse(reply => /<methodName>explain/.test(reply.request().postData() ?? ""));
    answer();
    await read;
    await page.waitForTimeout(500);
    assert.match(await text(page, "#dialog h2"), /Kill this connection\?/);
    await page.locator("#dialog").getByRole("button", { name: "Cancel" }).click();
    await page.unroute("**/RPC2");
    await page.click("#kill-matching");
    await until("the question", () => page.locator("#dialog .sentence").count());
    assert.equal(await text(page, "#dialog .sentence"), "from 10.3.0.0/24, to port 8080");
    assert.match(await text(page, "#dialog h2"), /Kill 12 connections\?/);
    await page.locator("#dialog .danger").click();
    await until("the result is told", async () => await text(page, "#status") === "12 connections killed.");
    assert.equal(conntrack("-p", "tcp", "--dport", "8080").length, 0);
    assert.equal(conntrack("-p", "tcp", "-s", "10.3.0.1", "--dport", "9090").length, others, "nobody else went");
}

async function change(page) {
    await type(page, "src:10.4.0.1");
    await settled(page, "1 of ");
    const line = page.locator("#flows tbody tr").first();
    await line.hover();
    await line.getByRole("button", { name: "All of this connection" }).click();
    await page.fill("#new-mark", "0x2a");
    await page.press("#new-mark", "Enter");
    await until("it is done", async () => (await text(page, ".change >> nth=0")).includes("Changed."));
    assert.match(conntrack("-s", "10.4.0.1")[0], /mark=42\b/);
    await page.fill("#new-mark", "nonsense");
    await page.press("#new-mark", "Enter");
    await until("the daemon's words", () => page.locator(".hint.wrong").count());
    await page.fill("#new-timeout", "3333");
    await page.press("#new-timeout", "Enter");
    await until("it is done", async () => (await text(page, ".change >> nth=1")).includes("Changed."));
    assert.match(conntrack("-s", "10.4.0.1")[0], /\b33[23]\d\b/);
    await page.locator("#dialog").getByRole("row", { name: "orig_port_dst" }).getByRole("button", { name: "Without" }).click();
    await until("the details filter too", async () => (await filter(page).inputValue()).endsWith("!orig_port_dst:443"));
    await page.click("#clear");
}

// Rows stand still under the pointer while others become busier, and go on when it leaves.
async function order(page) {
    await type(page, `dport:${busy},${slow}`);
    await until("the busy one first", async () => (await column(page, "destination"))[0]?.includes(":" + busy));
    await until("both", async () => await rows(page) === 2);
    await page.locator("#flows tbody tr").nth(0).hover();
    const first = () => column(page, "destination").then(all => all[0]);
    await page.evaluate(() => { location.hash = location.hash.replace("&dir=asc", "") + "&dir=asc"; });
    await until("the slow one first, since the place changed", async () => (await first())?.includes(":" + slow));
    await page.locator("#flows tbody tr").nth(0).hover();
    await until("it says that rows are held", () => page.locator("#held").isVisible());
    const asked = [];
    page.on("request", request => asked.push(request.postData() ?? ""));
    await until("it asks for the rows by id", () => asked.some(body => body.includes("<name>id</name>")));
    const ids = await page.locator("#flows tbody tr").evaluateAll(all => all.map(one => one.row.id));
    await page.waitForTimeout(2500);
    assert.deepEqual(await page.locator("#flows tbody tr").evaluateAll(all => all.map(one => one.row.id)), ids);
    await idle(page);
    await until("it goes on", async () => !await page.locator("#held").isVisible());
    await page.click("#clear");
    await page.click("#flows th.rate button");
}

async function pause(page) {
    await page.click("#pause");
    assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
    assert.equal(await asks(page, 3000), 0, "nothing is asked while it is paused");
    const before = page.asked;
    await page.click("#pause");
    await until("it goes on", () => page.asked > before);
}

// Everybody's snapshot, explained, and back.
async function snapshot(page) {
    await page.locator("#frozen summary").click();
    assert.match(await text(page, "#frozen"), /all its users/);
    await page.click("#freeze");
    await until("it is told", async () => (await text(page, "#notices")).includes("All users see a snapshot"));
    await page.getByRole("button", { name: "Back to the live table" }).click();
    await until("it is live", async () => !(await text(page, "#notices")).includes("snapshot"));
}

async function languagesAndThemes(page) {
    await page.click("#language");
    await until("French", async () => (await text(page, "#flows thead")).includes("Débit"));
    assert.equal(await page.locator("html").getAttribute("lang"), "fr");
    await until("numbers as the French write them", async () => /\d\skbit\/s/.test((await column(page, "rate")).join()));
    await page.reload();
    await until("it stays", async () => (await text(page, "#flows thead")).includes("Débit"));
    await page.click("#language");
    await until("English", async () => (await text(page, "#flows thead")).includes("Rate"));
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.click("#theme");
    assert.notEqual(await ground(), light);
    await page.reload();
    assert.notEqual(await ground(), light, "it stays");
    await page.click("#theme");
    assert.equal(await ground(), light);
}

// Who has the connections, and the line: from the daemon's summary.
async function who(page) {
    await page.selectOption("#group", "service");
    const group = page.locator("#who tbody tr", { hasText: "tcp/22" });
    await until("a group", async () => (await group.count()) === 1 && (await group.innerText()).endsWith("60"));
    await page.locator("#who thead").getByRole("button", { name: "Connections" }).click();
    await until("the largest first", async () => (await text(page, "#who tbody tr >> nth=0")).includes("tcp/22"));
    assert.equal(place(page).get("group"), "service");
    await group.getByRole("button").click();
    await until("a click filters", async () => await filter(page).inputValue() === "proto:tcp dport:22");
    await settled(page, "60 of ");
    await page.click("#clear");
    await until("the line", () => page.locator("#line").isVisible());
    assert.match(await page.locator("#line svg").getAttribute("aria-label"), /through all connections; between/);
    await page.selectOption("#group", "local");
    await until("local hosts", async () => (await text(page, "#who tbody")).includes("10.3.0.1"));
}

// By keyboard alone: to the filter, to a row, and to its end.
async function keyboard(page) {
    await page.locator("body").press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "q");
    await page.keyboard.type("src:10.5.0.1");
    await page.keyboard.press("Enter");
    await settled(page, "2 of ");
    await until("the rows", async () => await rows(page) === 2);
    await page.locator("#flows tbody input").first().focus();
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.evaluate(() => document.activeElement.closest("tr").rowIndex), 2);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until("the result is told", async () => await text(page, "#status") === "1 connection killed.");
    assert.equal(conntrack("-s", "10.5.0.1").length, 1);
    assert.ok(await page.evaluate(() => document.activeElement.closest("#flows tbody tr:not(.ended)")), "the focus is on the next row");
    await page.click("#clear");
}

async function accessible(page) {
    await page.goto(url + "#size=10");
    for (const [name, prepare] of Object.entries({
        table: () => idle(page),
        help: () => page.click("#ask-help"),
        error: () => type(page, "prot:tcp"),
        details: async () => {
            await page.click("#clear");
            await page.locator("#flows tbody tr").first().hover();
            await page.locator("#flows tbody .more").first().click();
        },
    })) {
        await prepare();
        await page.waitForTimeout(1500);
        assert.deepEqual(await axe(page), [], name);
    }
    await page.keyboard.press("Escape");
    await page.goto(url);
}

// What is wrong is said in words: a table that fills, connections lost over it, bytes that nobody counts.
async function worries(page) {
    const said = () => text(page, "#notices");
    let lost = 5;
    await page.route("**/RPC2", async route => {
        const reply = await route.fetch();
        const value = await reply.json();
        if (value?.kernel) {
            Object.assign(value, { count: 900, max: 1000, accounting: 0 });
            Object.assign(value.kernel, { early_drop: lost, insert_failed: lost });
        }
        await route.fulfill({ response: reply, json: value });
    });
    await page.reload();
    await until("the warning", async () => (await said()).includes("The table is 90% full."));
    assert.match(await said(), /does not count bytes.*sysctl -w net\.netfilter\.nf_conntrack_acct=1/);
    assert.ok(await page.locator("#use.full").count(), "and it is red");
    assert.ok(!(await said()).includes("thrown out"), "what was lost before the page was opened is no news");
    lost = 7;
    await until("what was lost", async () => (await said()).includes("2 connections were thrown out early"));
    assert.match(await said(), /2 connections found no place/);
    await page.unroute("**/RPC2");
    await until("all is well again", async () => await said() === "");
}

// Names come from whoever asks for a lease: one that is markup is shown as it is written, and a click on it means the address.
async function hostileLease(page) {
    const name = "<img/src=x/onerror=document.title='taken'>";
    await type(page, "src:10.6.0.1");
    await settled(page, "60 of ");
    await until("the name", async () => (await column(page, "source"))[0]?.startsWith(name));
    await until("the name among the hosts", async () => (await text(page, "#who tbody")).includes(name));
    assert.equal(await page.locator("main img").count(), 0);
    await page.click("#clear");
    await type(page, "dport:22");
    await settled(page, "60 of ");
    await page.locator("#flows tbody .name").first().click();
    await until("the address", async () => await filter(page).inputValue() === "dport:22 src:10.6.0.1");
    await page.click("#clear");
}

// The same with all other texts that a connection may have.
async function hostile(page) {
    const name = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
    await page.route("**/RPC2", async route => {
        const reply = await route.fetch();
        const value = await reply.json();
        for (const row of value?.table ?? []) if (row.id) Object.assign(row, { orig_src_name: name, orig_dst_name: name, username: name, helper: name });
        await route.fulfill({ response: reply, json: value });
    });
    await until("the name", async () => (await column(page, "source")).some(cell => cell.includes(name)));
    await page.locator("#flows tbody tr").first().hover();
    await page.locator("#flows tbody .more").first().click();
    await until("the name in the details", async () => (await text(page, "#dialog")).includes(name));
    await page.locator("#dialog").getByRole("button", { name: "Kill" }).click();
    await until("the name in the question", async () => (await text(page, "#dialog li")).includes(name));
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("main img, #dialog img, main script").count(), 0);
    assert.match(await page.title(), /^rctd · /);
    await page.unroute("**/RPC2");
}

async function pictures(browser) {
    if (!process.env.RCTD_TEST_PICTURES) return;
    for (const width of [360, 768, 1440]) for (const colorScheme of ["light", "dark"]) for (const locale of ["en", "fr"]) {
        const page = await open(browser, url, { viewport: { width, height: 900 }, colorScheme, locale });
        await page.waitForTimeout(2500);
        await picture(page, `${width}-${colorScheme}-${locale}`);
        await page.context().close();
    }
}

run(async browser => {
    const page = await open(browser, url);
    const parts = [firstView, sortAndPage, filterByTypingAndClicking, errorUnderTheWord, killOne, killSelected, killMatching,
        change, order, pause, snapshot, who, languagesAndThemes, keyboard, accessible, worries, hostileLease, hostile];
    for (const part of parts) {
        const began = Date.now();
        await part(page);
        console.log(`${part.name}: ${Date.now() - began} ms`);
    }
    const phone = await open(browser, url, { viewport: { width: 360, height: 740 }, colorScheme: "dark", locale: "fr-FR" });
    await until("the rows", async () => await rows(phone) === 25);
    assert.match(await text(phone, "#total"), /^1\d\d connexions$/);
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${wide} pixels wide on a screen of 360`);
    assert.deepEqual(await axe(phone), []);
    assert.deepEqual([...page.wrong, ...phone.wrong], []);
    await pictures(browser);
});
