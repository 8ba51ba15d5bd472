import { runNamedScript } from "./lib/named-script.ts";

/** `pnpm bench NAME [options]`: runs the bench/NAME.ts of whichever package has it. */
process.exitCode = runNamedScript("bench", "[--json]");
