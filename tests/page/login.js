// Logging in, and a session that ends: the view is not lost over it. Arguments: the page's URL, a user, the password.
"use strict";
const { assert, axe, open, rows, run, text, until } = require("./browser.js");
const [, , url, user, password] = process.argv;

const form = page => page.locator("#dialog form.login");
const over = async page => (await text(page, "#notices")).includes("The session is over.");

async function enter(page, secret) {
    await page.fill("#user", user);
    await page.fill("#password", secret);
    await page.press("#password", "Enter");
}

run(async browser => {
    const page = await open(browser, url + "#q=tcp&sort=orig_src");
    await until("it asks", () => form(page).count());
    assert.equal(await rows(page), 0, "nothing of the table is shown to strangers");
    assert.deepEqual(await axe(page), []);
    await enter(page, "a guess");
    await until("a wrong password is told", async () => await text(page, "#dialog .wrong") === "Wrong user name or password.");
    await enter(page, password);
    await until("the rows", async () => await rows(page) > 0);
    assert.equal(await page.locator("#q").inputValue(), "tcp");
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.ok(!kept.includes(password), `the password is kept: ${kept}`);

    // A reload keeps the session, as long as it lasts.
    await page.reload();
    await until("the rows", async () => await rows(page) > 0);
    assert.equal(await form(page).count(), 0);
    assert.ok(await page.locator("#leave").isVisible(), "who logged in can log out");

    // Nobody looks for longer than a session lasts.
    await page.click("#pause");
    await page.waitForTimeout(9500);
    await page.click("#pause");
    await until("it asks again", () => form(page).count());
    assert.ok(await rows(page) > 0, "the view is kept");
    await enter(page, password);
    await until("it goes on", async () => !await page.locator("#dialog").isVisible());
    assert.match(page.url(), /#q=tcp&sort=orig_src$/);

    // A look that is under way when its user logs out does not take that back, nor ask for the password again: answered before
    // the logout and read after it, or asked after it.
    for (const answered of [true, false]) {
        let held = 0, release;
        const released = new Promise(resolve => { release = resolve; });
        await page.route("**/RPC2", async route => {
            if (route.request().postData().includes("<methodName>logout<")) return route.continue();
            const response = answered ? await route.fetch() : undefined;
            held += 1;
            await released;
            await (response ? route.fulfill({ response }) : route.continue());
        });
        await until("a look, which asks for four things", () => held >= 4);
        await page.click("#leave");
        await until("the end is told", () => over(page));
        release();
        await page.unrouteAll({ behavior: "wait" });
        await page.waitForTimeout(300);
        assert.ok(await over(page), "the end is told for good");
        assert.equal(await form(page).count(), 0);
        // Something that needs a session asks for it, and the page goes on with it.
        await page.locator("#frozen").evaluate(about => { about.open = true; });
        await page.click("#freeze");
        await until("it asks", () => form(page).count());
        await enter(page, password);
        await until("it goes on", async () => !await over(page));
        await until("what was done is seen", async () => (await text(page, "#notices")).includes("All users see a snapshot"));
        await page.getByRole("button", { name: "Back to the live table" }).click();
        await until("it is live", async () => await text(page, "#notices") === "");
    }

    await page.click("#leave");
    await until("the end is told", () => over(page));
    await page.reload();
    await until("it asks", () => form(page).count());
    await page.keyboard.press("Escape");
    await until("who does not log in sees why there is nothing", () => over(page));
    assert.equal(await rows(page), 0);
    assert.deepEqual(page.wrong, []);
});
