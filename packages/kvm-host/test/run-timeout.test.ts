import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { HostKvm } from "../src/index.ts";

const { available, reason } = HostKvm.availability();

describe.skipIf(!available)(`a guest that never stops (${reason})`, () => {
  // The timer's signal reaches a main thread only, and tests run in workers.
  it("is interrupted after the time given, with EINTR", () => {
    const program = fileURLToPath(new URL("endless-guest.ts", import.meta.url));
    const output = execFileSync(process.execPath, ["--import", "tsx", "--conditions=@likex/source", program], {
      encoding: "utf8",
      timeout: 30_000,
    });
    const { results, milliseconds } = JSON.parse(output) as { results: number[]; milliseconds: number };
    expect(results).toEqual([-4, -4]);
    expect(milliseconds).toBeGreaterThan(90);
  });
});
