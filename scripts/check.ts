import { browser } from "./check/browser.ts";
import { changesets } from "./check/changesets.ts";
import { type Check, runCheck } from "./check/check.ts";
import { floors } from "./check/floors.ts";
import { generated } from "./check/generated.ts";
import { links } from "./check/links.ts";
import { packageContents } from "./check/package-contents.ts";
import { published } from "./check/published.ts";
import { sizes } from "./check/sizes.ts";
import { tool } from "./check/tool.ts";

const checks: readonly Check[] = [
  tool("types: packages and apps", "tsc", ["-b"]),
  tool("types: tests, benches and scripts", "tsc", ["-p", "tsconfig.tests.json"]),
  tool("format and lint", "biome", ["check", "--error-on-warnings"]),
  tool("unused files, exports and dependencies", "knip", ["--no-config-hints"]),
  generated,
  floors,
  browser,
  packageContents,
  links,
  changesets,
  ...sizes(),
  ...published(),
];

const counts = { passed: 0, failed: 0 };
for (const check of checks) counts[(await runCheck(check)) ? "passed" : "failed"]++;
console.log(`${counts.passed} checks passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
