#!/usr/bin/env node
import { isatty } from "node:tty";
import { likex } from "./program.ts";
import { openStream } from "./terminal.ts";

const terminal = { output: openStream(1, isatty(1)), errors: openStream(2, isatty(2)) };
// Not awaited: what commands import when they need it may import this module, and would wait for it.
likex(process.argv.slice(2), terminal).then((code) => {
  process.exitCode = code;
});
