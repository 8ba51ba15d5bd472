import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle } from "../../../scripts/lib/bundle.ts";

/** Far from any node_modules/ with our packages. */
const directory = mkdtempSync(join(tmpdir(), "likex-microvm-"));
const url = (name: string): string => JSON.stringify(pathToFileURL(join(directory, name)));

const run = (program: string): string =>
  execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: directory, encoding: "utf8" });

/** A multiboot kernel by address (its header says where it goes): mov ecx, 500000; again: dec ecx; jnz again; hlt. */
const KERNEL = `
  const MEMORY = { slot: 0, guestAddress: 0, size: 4 << 20 };
  const at = 0x100000;
  const bytes = new Uint8Array(64);
  new Int32Array(bytes.buffer).set([0x1badb002, 0x10000, -(0x1badb002 + 0x10000), at, at, at + 64, at + 64, at + 32]);
  bytes.set([0xb9, 0x20, 0xa1, 0x07, 0x00, 0x49, 0x75, 0xfd, 0xf4], 32);`;

describe("the bundle", () => {
  beforeAll(() => bundle(fileURLToPath(new URL("..", import.meta.url)), directory), 60_000);
  afterAll(() => rmSync(directory, { recursive: true }));

  it("is one file that imports nothing", () => {
    const text = readFileSync(join(directory, "index.js"), "utf8");
    expect(text).not.toMatch(/\bfrom\s*"|\bimport\s*["(]/);
  });

  it("runs a guest without any package installed", () => {
    const program = `
      import { EmulatedKvm, MicroVm } from ${url("index.js")};
      const image = { bytes: Uint8Array.of(0xb0, 0x21, 0xba, 0xf8, 0x03, 0xee, 0xf4) };
      const { reason, output } = MicroVm.create(EmulatedKvm.create({ memoryBytes: 4 << 20 }), { image }).run();
      console.log(reason, ...output);`;
    expect(run(program)).toBe("hlt 33\n");
  });

  it("compiles hot code with its own compiler", () => {
    const program = `
      import { EmulatedKvm, MicroVm } from ${url("index.js")};
      import { createJit } from ${url("jit.js")};
      ${KERNEL}
      const jit = createJit({ threshold: 100, delay: 0, shortest: 1 });
      const kvm = EmulatedKvm.create({ memoryBytes: 16 << 20, jit });
      const vm = MicroVm.create(kvm, { image: { format: "multiboot", bytes }, memory: [MEMORY] });
      console.log(vm.run().reason, jit.statistics(kvm.hostMemory).executed > 900_000);`;
    expect(run(program)).toBe("hlt true\n");
  });
});
