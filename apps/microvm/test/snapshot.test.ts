import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle } from "../../../scripts/lib/bundle.ts";

const directory = mkdtempSync(join(tmpdir(), "likex-snapshot-"));
const inDirectory = (name: string): string => join(directory, name);

const PROGRAM = `
  import { startupSnapshot } from "node:v8";
  import { EmulatedKvm, MicroVm } from "./index.js";
  startupSnapshot.setDeserializeMainFunction(() => {
    const image = { bytes: Uint8Array.of(0xb0, 0x21, 0xba, 0xf8, 0x03, 0xee, 0xf4) };
    const { reason, output } = MicroVm.create(EmulatedKvm.create({ memoryBytes: 4 << 20 }), { image }).run();
    console.log(reason, ...output);
  });`;

describe("a startup snapshot of Node with the bundle in it", () => {
  beforeAll(async () => {
    await bundle(fileURLToPath(new URL("..", import.meta.url)), directory);
    const stdin = { contents: PROGRAM, resolveDir: directory };
    await build({ stdin, outfile: inDirectory("main.cjs"), bundle: true, platform: "node", format: "cjs" });
    execFileSync(process.execPath, [
      "--snapshot-blob",
      inDirectory("main.blob"),
      "--build-snapshot",
      inDirectory("main.cjs"),
    ]);
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true }));

  it("starts machines", () => {
    const printed = execFileSync(process.execPath, ["--snapshot-blob", inDirectory("main.blob")], { encoding: "utf8" });
    expect(printed).toBe("hlt 33\n");
  });
});
