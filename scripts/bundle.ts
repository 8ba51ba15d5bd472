import { resolve } from "node:path";
import { bundle } from "./lib/bundle.ts";

/** Writes dist/bundle/ of packages, by default of the one in the working directory. */
const directories = process.argv.slice(2);
for (const directory of directories.length === 0 ? ["."] : directories) await bundle(resolve(directory));
