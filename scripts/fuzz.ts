import { runNamedScript } from "./lib/named-script.ts";

/** `pnpm fuzz NAME [options]`: runs the fuzz/NAME.ts of whichever package has it. */
process.exitCode = runNamedScript("fuzz", "[--seconds N] [--seed N]");
