// The rules of LuCI's own configuration for scripts of its client, with what it only warns of as errors, and unused names.
"use strict";
const js = require("@eslint/js");

const BROWSER = ["Date", "Error", "Event", "TextDecoder", "TextEncoder", "URLSearchParams", "document", "window"];
const LUCI = ["E", "L", "N_", "_"];

// What a script gets by its lines "require MODULE" is a name in it.
const required = {
    processors: {
        luci: {
            preprocess: text => {
                const names = [...text.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/gm)].map(found => found[2] ?? found[1].split(".").at(-1));
                return [`/* global ${names.join(", ")} */ ${text}`];
            },
            postprocess: messages => messages.flat(),
        },
    },
};

module.exports = [{
    files: ["**/*.js"],
    plugins: { luci: required },
    processor: "luci/luci",
    languageOptions: {
        sourceType: "script",
        ecmaVersion: 2020,
        globals: Object.fromEntries([...BROWSER, ...LUCI].map(name => [name, "readonly"])),
        parserOptions: { ecmaFeatures: { globalReturn: true } },
    },
    rules: {
        ...js.configs.recommended.rules,
        "no-unused-vars": ["error", { caughtErrors: "none" }],
        "no-control-regex": "off",
        "no-implied-eval": "error",
        // A text in place of an array of children would be HTML.
        "no-restricted-syntax": ["error", {
            selector: "AssignmentExpression[left.property.name=/^(inner|outer)HTML$/], MemberExpression[property.name=insertAdjacentHTML]",
            message: "Texts become text nodes.",
        }, {
            selector: "CallExpression[callee.name='E'][arguments.length>2] > :not(ArrayExpression, CallExpression).arguments:nth-child(3)",
            message: "The children of E() are an array.",
        }],
    },
}];
