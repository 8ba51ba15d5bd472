#!/usr/bin/env node
import { isatty } from "node:tty";
import { likex } from "./program.ts";
import { openStream } from "./terminal.ts";

process.exitCode = likex(process.argv.slice(2), {
  output: openStream(1, isatty(1)),
  errors: openStream(2, isatty(2)),
});
