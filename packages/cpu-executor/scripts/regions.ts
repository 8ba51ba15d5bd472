import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { regionShapeLines, regionShapes } from "../test/support/region-shapes.ts";

/**
 * Prints which shapes of the instruction table regions leave to the interpreter, by reason. With --write it also writes the
 * committed list of what every shape becomes.
 */
const FILE = fileURLToPath(new URL("../test/data/region-shapes.txt", import.meta.url));

const shapes = regionShapes();
const byReason = new Map<string, string[]>();
for (const [key, what] of shapes)
  if (typeof what === "string") byReason.set(what, [...(byReason.get(what) ?? []), key]);
for (const [reason, keys] of byReason) console.log(`${reason} (${keys.length}): ${keys.join(", ")}\n`);
const left = [...byReason.values()].reduce((sum, { length }) => sum + length, 0);
console.log(`${shapes.size - left} of ${shapes.size} shapes are compiled`);
if (process.argv.includes("--write")) writeFileSync(FILE, `${regionShapeLines().join("\n")}\n`);
