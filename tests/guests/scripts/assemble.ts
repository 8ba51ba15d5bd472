import { writeFileSync } from "node:fs";
import { GUESTS } from "../src/guests.ts";
import { assemble } from "../src/nasm.ts";
import { formatHex, hexPath } from "../src/program.ts";

/** Assembles every guest program with nasm and writes its bytes beside its source. */
for (const { name } of Object.values(GUESTS)) {
  const bytes = assemble(name);
  writeFileSync(hexPath(name), formatHex(bytes));
  console.log(`${name}: ${bytes.length} bytes`);
}
