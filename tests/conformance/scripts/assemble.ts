// Assembles programs/*.s into programs/programs.json.
import { writeFileSync } from "node:fs";
import { assembleAll } from "../src/assemble.ts";

const file = new URL("../programs/programs.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(assembleAll(), null, 2)}\n`);
