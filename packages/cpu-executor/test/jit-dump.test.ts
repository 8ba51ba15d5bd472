import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { createNasmFormatter } from "@likex/x86-decoder/nasm";
import { describe, expect, it } from "vitest";
import { Cpu, STOP } from "../src/index.ts";
import { createJit, type JitOptions } from "../src/jit/index.ts";
import { useFlatSegments } from "./support/flat-segments.ts";
import { FlatMmu } from "./support/real-mode.ts";

const MEGABYTE = 1 << 20;
const START = 0x10000;
const TIMES = 100;

/** Constants that only one instruction has. */
const VALUES = [0x1234567, 0x2345678, 0x3456789] as const;
const int32 = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);

/** loop: ADD EAX, value 0; TEST AL, 1; JNE other; XOR ESI, value 1; other: NOP; MOV [RBX], value 2; DEC ECX; JNE loop; HLT. */
const CODE = [
  ...[0x05, ...int32(VALUES[0]), 0xa8, 1, 0x75, 6, 0x81, 0xf6, ...int32(VALUES[1])],
  ...[0x90, 0xc7, 0x03, ...int32(VALUES[2]), 0xff, 0xc9, 0x75, 0xe6, 0xf4],
];
const LISTING = [
  "add eax,1234567h",
  "test al,1",
  "jne short 000000000001000Fh",
  "xor esi,2345678h",
  "nop",
  "mov dword ptr [rbx],3456789h",
  "dec ecx",
  "jne short 0000000000010000h",
];

const WASM_LINE = /^ {10}/;
const INSTRUCTION_LINE = /^ +([0-9a-f]+): (?:([0-9a-f]{2}(?: [0-9a-f]{2})*) +(.*)|\(continued\))$/;

function machine(options: JitOptions = {}) {
  const memory = HostMemory.create({ bytes: 8 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const jit = createJit({ threshold: 20, batch: 1, delay: 0, ...options });
  memory.u8.set(CODE, base + START);
  const cpu = Cpu.create({ memory, mmu: new FlatMmu(base), jit });
  useFlatSegments(cpu, 64);
  const write = (offset: number, ...bytes: readonly number[]): void => {
    memory.u8.set(bytes, base + START + offset);
    memory.noteWrite((base + START) as HostPhysicalAddress);
  };
  const run = (): void => {
    cpu.setRegister(1, BigInt(TIMES));
    cpu.setRegister(3, 0x20000n);
    cpu.ripNumber = START;
    expect(cpu.run(10_000)).toBe(STOP.instruction);
  };
  run();
  // The largest: others have the blocks that were hot before the rest was warm.
  const report = [...jit.regions(memory)].sort((a, b) => b.instructions - a.instructions)[0];
  if (report === undefined) throw new Error("the loop is not compiled");
  return { memory, jit, run, write, report };
}

/** The guest instructions in order, and the operators below each until another part begins. */
function partsOf(text: string): ReadonlyMap<string, readonly string[]> {
  const parts = new Map<string, string[]>();
  const byAddress = new Map<string, string[]>();
  let part: string[] | undefined;
  for (const line of text.split("\n")) {
    const [, address = "", , instruction] = INSTRUCTION_LINE.exec(line) ?? [];
    if (WASM_LINE.test(line)) part?.push(line.trim());
    else if (instruction !== undefined) {
      part = [];
      parts.set(instruction, part);
      byAddress.set(address, part);
    } else part = byAddress.get(address);
  }
  return parts;
}

describe("the dump of a region", () => {
  it("has each guest instruction with its address and bytes", async () => {
    const { memory, jit, report } = machine();
    const text = (await jit.dump(memory, report)) as string;
    expect(text).toMatch(/^region 0x10000: 64-bit code, \d blocks, 8 instructions, \d+ entr(y|ies), 1 page; \d+ instr/);
    expect([...partsOf(text).keys()].sort()).toEqual([...LISTING].sort());
    expect(text).toMatch(/^ {5}10000: 05 67 45 23 01 {17}add eax,1234567h$/m);
    expect(text).not.toContain("other bytes");
  });

  it("has the operators of an instruction below it", async () => {
    const { memory, jit, report } = machine();
    const parts = partsOf((await jit.dump(memory, report)) as string);
    for (const value of VALUES) {
      const having = [...parts].filter(([, lines]) => lines.some((line) => line.includes(`.const ${value}`)));
      const digits = value.toString(16);
      expect(
        having.map(([instruction]) => instruction),
        digits,
      ).toEqual(LISTING.filter((text) => text.includes(digits)));
    }
    expect(parts.get("nop")).toEqual([]);
    expect(parts.get("mov dword ptr [rbx],3456789h")?.filter((line) => line.startsWith("i32.store"))).toHaveLength(1);
    expect(parts.get("jne short 0000000000010000h")?.some((line) => /^br(_if)? /.test(line))).toBe(true);
  });

  it("has every operator of the function once, in blocks that nest, between prologue and epilogue", async () => {
    const { memory, jit, report } = machine();
    const text = (await jit.dump(memory, report)) as string;
    const lines = text.split("\n");
    const operators = lines.filter((line) => WASM_LINE.test(line)).map((line) => line.trim().split(" ")[0] as string);
    let depth = 1;
    const depths = operators.map((name) => {
      if (["block", "loop", "if"].includes(name)) depth++;
      if (name === "end") depth--;
      return depth;
    });
    expect(depths.indexOf(0)).toBe(operators.length - 1);
    expect(lines[2]).toMatch(/^prologue/);
    // It reads the context, whose address is the first parameter.
    expect(lines.slice(3, 6).map((line) => line.trim())).toEqual([
      "local.get 0",
      expect.stringMatching(/^i64.load/),
      expect.stringMatching(/^local.set/),
    ]);
    const epilogue = lines.slice(lines.findIndex((line) => line.startsWith("epilogue"))).map((line) => line.trim());
    expect(epilogue).toContain("return");
    expect(lines.filter((line) => line.startsWith("block 0x"))[0]).toBe("block 0x10000, entry 0");
  });

  it("names the form that was compiled where guest memory has changed since", async () => {
    const { memory, jit, report, write } = machine();
    write(9, 0x81, 0xee);
    const text = (await jit.dump(memory, report)) as string;
    expect(text).toMatch(/^ {5}10009: 81 ee 78 56 34 02 +xor 32 r32 i32 {2}; other bytes are there now$/m);
    expect(text.match(/other bytes/g)).toHaveLength(1);
  });

  it("is in the syntax that was asked for", async () => {
    const { memory, jit, report } = machine();
    expect(await jit.dump(memory, report, createNasmFormatter())).toContain("mov dword [rbx],3456789h");
  });

  it("is none when the region has been dropped", async () => {
    const { memory, jit, report, run, write } = machine({ mostRegions: 1 });
    const { evictions } = jit.statistics(memory);
    // The same code, but it could be another.
    for (let i = 0; i < 4 && jit.statistics(memory).evictions === evictions; i++) {
      write(0, 0x05);
      run();
    }
    expect(await jit.dump(memory, report)).toBeUndefined();
    const [newer] = jit.regions(memory);
    expect(newer?.rip).toBe(report.rip);
    expect(newer && (await jit.dump(memory, newer))).toMatch(/^region 0x10000/);
  });
});
