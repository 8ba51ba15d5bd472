import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runWatched } from "../src/watched.ts";

const module = (name: string): string => fileURLToPath(new URL(`./support/${name}`, import.meta.url));
const FOREVER = 600_000;

describe("a watched process", () => {
  it("that hangs is ended, and its last seed told", async () => {
    expect(await runWatched(module("hangs.mjs"), [], 5000)).toEqual({
      exitCode: -1,
      problem: "seed 7: still running after 5 s",
    });
  }, 60_000);

  it("that dies by a signal is told with its last seed", async () => {
    expect(await runWatched(module("aborts.mjs"), [], FOREVER)).toEqual({
      exitCode: -1,
      problem: "seed 8: the process ended with SIGKILL",
    });
  }, 60_000);
});
