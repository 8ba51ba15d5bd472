import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

describe("the bundle's scripts with V8's code caches", () => {
  const caches = join(directory, "caches");
  const index = join(caches, "index.cache");
  const START = `
    import { CachedMicrovm } from ${url("cached.js")};
    const cached = new CachedMicrovm({ directory: ${JSON.stringify(caches)} });
    if (cached.isCached) throw new Error("cached before anything is loaded");
    const { EmulatedKvm, MicroVm } = cached.api;
    const image = { bytes: Uint8Array.of(0xb0, 0x21, 0xba, 0xf8, 0x03, 0xee, 0xf4) };
    const { reason, output } = MicroVm.create(EmulatedKvm.create({ memoryBytes: 4 << 20 }), { image }).run();
    console.log(reason, ...output, cached.isCached);`;
  const JIT = `
    ${KERNEL}
    const jit = cached.jit.createJit({ threshold: 100, delay: 0, shortest: 1 });
    const kvm = EmulatedKvm.create({ memoryBytes: 16 << 20, jit });
    const vm = MicroVm.create(kvm, { image: { format: "multiboot", bytes }, memory: [MEMORY] });
    console.log(vm.run().reason, jit.statistics(kvm.hostMemory).executed > 900_000, cached.isCached);
    console.log((await jit.dump(kvm.hostMemory, jit.regions(kvm.hostMemory)[0])).includes("local.get"));`;

  beforeAll(async () => {
    await bundle(fileURLToPath(new URL("..", import.meta.url)), directory);
    mkdirSync(caches);
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true }));

  it("run guests before there is a cache", () => {
    expect(run(START)).toBe("hlt 33 false\n");
    expect(readdirSync(caches)).toEqual([]);
  });

  it("use the cache that an earlier process has written", () => {
    run(`${START} cached.writeCaches();`);
    expect(readdirSync(caches)).toEqual(["index.cache"]);
    expect(run(START)).toBe("hlt 33 true\n");
  });

  it("have the compiler of hot code when it is asked for", () => {
    expect(run(`${START}${JIT} cached.writeCaches();`)).toBe("hlt 33 true\nhlt true false\ntrue\n");
    expect(run(`${START}${JIT}`)).toBe("hlt 33 true\nhlt true true\ntrue\n");
  });

  it.each([
    ["is not whole", (bytes: Buffer) => bytes.subarray(0, 1000)],
    [
      "belongs to another script",
      (bytes: Buffer) => Buffer.concat([Buffer.from("/*000000000000*/"), bytes.subarray(16)]),
    ],
    ["is none", () => Buffer.from("no cache")],
    [
      "is of another V8",
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 16), Buffer.alloc(64), bytes.subarray(80)]),
    ],
  ])("do without a cache that %s", (_name, spoil) => {
    run(`${START} cached.writeCaches();`);
    writeFileSync(index, spoil(readFileSync(index)));
    expect(run(START)).toBe("hlt 33 false\n");
  });

  it("say where a cache cannot be written", () => {
    const program = `
      import { CachedMicrovm } from ${url("cached.js")};
      const cached = new CachedMicrovm({ directory: "/nowhere" });
      cached.api;
      try { cached.writeCaches(); } catch (error) { console.log(error.name, error.message); }`;
    expect(run(program)).toMatch(
      /^CodeCacheError the code cache cannot be written to .*nowhere.*: give another directory\n$/,
    );
  });
});
