// The page of the configuration. Arguments: the wrapper, its folder, the options of the init script, the password file, where the
// daemon listens.
"use strict";
const fs = require("node:fs");
const { assert, axe, open, picture, run, spawn, until } = require("./browser.js");
const { serve } = require("./server.js");
const [, , program, folder, known, passwords, place] = process.argv;

// What a field takes and refuses. A check gives true, or what would be right.
const VALUES = {
    listen: [["unix:/var/run/rctd/rctd.sock", "127.0.0.1:8000", "[fd00::1]:8000", "192.168.1.1:65535"], ["8000", "router:8000", "*:8000", "unix:x", "1.2.3.4", "1.2.3.4:0"]],
    auth: [["none", "file:/etc/rctd/passwd", "shadow", "shadow:/x", "program:/usr/bin/x"], ["file", "file:", "passwd", "file:x"]],
    lan: [["192.168.1.0/24", "fd00::/8", "10.0.0.1"], ["lan", "10.0.0.0/", "10.0.0.0/24/1"]],
    ignore: [["127.0.0.0/8", "::1"], ["lo", "127.0.0.1 127.0.0.2"]],
    uid_mask: [["0xffff", "255"], ["0", "ff", "0x", "-1"]],
    leases: [["/tmp/dhcp.leases"], ["dhcp.leases", "/tmp/a b"]],
};

run(async browser => {
    const server = await serve(program, folder);
    const page = await open(browser, server.url("rctd.config", "admin"));
    assert.match(await page.locator("#rctd-state").innerText(), /no daemon answers[^]*What it said last[^]*<img src=x onerror=alert\(1\)> is no address/);
    assert.equal(await page.locator("img").count(), 0, "a log is text");
    await picture(page, "config");
    const daemon = spawn(process.env.RCTD_BIN, ["--listen", place], { stdio: "ignore" });
    await until("the daemon answers", async () => {
        await page.getByRole("button", { name: "Look again" }).click();
        await page.waitForTimeout(300);
        return /rctd [\d.]+ answers/.test(await page.locator("#rctd-state").innerText());
    });
    daemon.kill("SIGTERM");

    const options = await page.evaluate(() => L.form.made.sections.flatMap(section => section.options.map(option => option.name)));
    assert.deepEqual([...new Set(options)].sort(), known.split(",").sort(), "an option of the page is one of the init script");
    assert.equal(options.length, new Set(options).size);
    for (const [name, [right, wrong]] of Object.entries(VALUES)) {
        const takes = value => page.evaluate(([name, value]) => L.form.made.sections.flatMap(section => section.options).find(option => option.name == name).validate("main", value), [name, value]);
        for (const value of ["", ...right]) assert.equal(await takes(value), true, `${name} takes ${value}`);
        for (const value of wrong) assert.match(String(await takes(value)), /^Expecting /, `${name} refuses ${value}`);
    }

    const secret = "$(id) <&> 'é\" s3cret";
    await page.locator("#rctd-user").fill("admin");
    await page.locator("#rctd-password").fill(secret);
    await page.getByRole("button", { name: "Set the password" }).click();
    await until("it is set", async () => /The password is set/.test(await page.locator("#rctd-passwords").innerText()));
    assert.equal(await page.locator("#rctd-password").inputValue(), "");
    assert.match(fs.readFileSync(passwords, "utf8"), /^admin:\$[^\n]+\n$/);
    assert.ok(server.calls.every(call => !call.argv.join(" ").includes("s3cret")), "no command line has it");
    const written = server.calls.find(call => call.argv[0] == "write");
    assert.equal(written.mode, 0o600);
    assert.ok(!fs.existsSync(`${folder}/password`), "and no file keeps it");
    await page.locator("#rctd-user").fill("--delete");
    await page.locator("#rctd-password").fill("x");
    await page.getByRole("button", { name: "Set the password" }).click();
    await until("the wrapper's words", async () => /no dash in front/.test(await page.locator("#rctd-passwords").innerText()));
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.wrong, []);

    const guest = await open(browser, server.url("rctd.config", "guest"));
    assert.equal(await guest.locator("#rctd-passwords").count(), 0, "who may only read sets no password");
    assert.deepEqual(guest.wrong, []);
});
