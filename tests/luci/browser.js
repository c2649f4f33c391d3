// What the tests of LuCI's pages have beyond those of the daemon's own page.
"use strict";
const page = require("../page/browser.js");

// Opens a page, and waits until its view is drawn.
async function open(browser, url, options = {}) {
    const opened = await page.open(browser, url, options);
    await opened.locator("body[data-ready]").waitFor();
    return opened;
}

// A picture for people, into the folder that RCTD_TEST_PICTURES names; `clip` is the part that is wanted.
async function picture(of, name, clip) {
    const folder = process.env.RCTD_TEST_PICTURES;
    if (folder) await of.screenshot({ path: `${folder}/luci-${name}.png`, clip });
}

const until = (what, probe, patience = 15_000) => page.until(what, probe, patience);
const rows = of => of.locator(".rctd-flows tr[data-id]").count();
const column = (of, title) => of.locator(`.rctd-flows td[data-title="${title}"]`).allInnerTexts();

module.exports = { ...page, column, open, picture, rows, until };
