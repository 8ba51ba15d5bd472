import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelFile } from "./kernels.ts";
import { runHere } from "./run-here.ts";
import { scratchFile } from "./run-likex.ts";

const timeout = 60_000;
const TIMES = 5000;
/** Without OUT and HLT, which the hypervisor carries out. */
const INSTRUCTIONS = 2 + 4 * TIMES;
/** mov ecx, 5000; mov dx, 80h; again: out dx, al; add eax, ecx; xor ebx, eax; cmp ecx, 1; loop again; hlt */
const KERNEL = "b988130000 66ba8000 ee 01c8 31c3 83f901 e2f6 f4";
/** Where a kernel begins. */
const START = 0x10_0020;

const boot = (...args: string[]): ReturnType<typeof runHere> =>
  runHere("boot", kernelFile(KERNEL), "--input", "none", ...args);

describe("likex boot --stats", () => {
  it("tells tiers, compiled code and what has no compiled version, for programs", { timeout }, async () => {
    const { output } = await boot("--stats", "--json", "--tier", "jit");
    const { instructions, tiers } = JSON.parse(output).statistics;
    const { interpreted, inRegions, compiler } = tiers;
    expect(instructions).toBe(INSTRUCTIONS);
    expect(interpreted + inRegions).toBe(instructions);
    expect(inRegions / instructions).toBeGreaterThan(0.9);
    expect(compiler).toMatchObject({ modules: expect.any(Number), evictions: 0 });
    expect(compiler.regions).toBeGreaterThan(0);
    expect(compiler.bytes).toBeGreaterThan(0);
    expect(compiler.milliseconds).toBeGreaterThan(0);
    const [top] = compiler.topRegions;
    expect(Number(top.rip)).toBeGreaterThanOrEqual(START);
    expect(top.share).toBeCloseTo(top.executed / instructions);
    expect(compiler.uncompiled).toEqual([
      { form: "out 8", executed: TIMES },
      { form: "hlt 32", executed: 1 },
    ]);
  });

  it("has columns for people", { timeout }, async () => {
    const { errors } = await boot("--stats", "--tier", "jit");
    const [first, ...lines] = errors.split("\n");
    expect(first).toMatch(/^[\d.]+ s, 20002 instructions, [\d.]+ MIPS, exits: 5000 io, 1 hlt$/);
    expect(lines[0]).toMatch(/^interpreted: \d+ instructions \([\d.]+ %\)$/);
    expect(lines[1]).toMatch(/^in regions: \d+ instructions \([\d.]+ %\)$/);
    expect(lines[2]).toMatch(
      /^compiled: \d+ regions? of \d+ instructions, \d+ modules?, \d+ bytes of WebAssembly, [\d.]+ ms, 0 evictions$/,
    );
    expect(lines[4]).toMatch(/^top regions +executed +share +blocks +instructions +entries +pages$/);
    expect(lines[5]).toMatch(/^0x10002[0-9a-f] +\d+ +[\d.]+ % +\d+ +\d+ +\d+ +1$/);
    expect(lines[5]).toHaveLength(lines[4]?.length ?? 0);
    expect(lines.slice(-4)).toEqual(["not compiled  executed", "out 8             5000", "hlt 32               1", ""]);
  });

  it("says that nothing was compiled where there is no compiler", { timeout }, async () => {
    const { errors } = await boot("--stats", "--tier", "interpreter");
    expect(errors.split("\n").slice(1)).toEqual([
      `interpreted: ${INSTRUCTIONS} instructions; nothing was compiled (--tier interpreter)`,
      "",
    ]);
    const { output } = await boot("--stats", "--json", "--tier", "interpreter");
    expect(JSON.parse(output).statistics.tiers).toEqual({ interpreted: INSTRUCTIONS, inRegions: 0, compiler: null });
  });
});

describe("likex boot --dump-regions", () => {
  it("writes the hottest regions, guest instructions as likex disasm has them", { timeout }, async () => {
    const file = scratchFile("hot.txt");
    const { code, output, errors } = await boot("--tier", "jit", "--dump-regions", file);
    expect({ code, output, errors }).toEqual({ code: 0, output: "", errors: "" });
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^region 0x10002a: 32-bit code, \d blocks?, 4 instructions/m);
    expect(text).toMatch(/^ +10002a: 01 c8 +add eax,ecx\n +local\.get/m);
    expect(text).toMatch(/^ +100031: e2 f6 +loop 0x100029$/m);
  });

  it("writes as many as --dump-count says", { timeout }, async () => {
    const file = scratchFile("hot.txt");
    await boot("--tier", "jit", "--dump-regions", file, "--dump-count", "1");
    expect(readFileSync(file, "utf8").match(/^region /gm)).toHaveLength(1);
  });

  it("says so where nothing was hot", { timeout }, async () => {
    const file = scratchFile("hot.txt");
    await boot("--jit-threshold", "1000000", "--dump-regions", file);
    expect(readFileSync(file, "utf8")).toBe("Nothing was compiled.\n");
  });

  it.each([
    [["--dump-count", "3"], 2, /--dump-count is for --dump-regions/],
    [["--dump-regions", "x", "--tier", "interpreter"], 2, /there will be none. Drop it, or give --tier auto/],
    [["--dump-regions", "x", "--dump-count", "0"], 2, /The dump count must be from 1/],
    [["--dump-regions", "/nonexistent/x"], 3, /Cannot write \/nonexistent\/x: there is no such file/],
  ] as const)("refuses %j before the guest runs", async (args, expected, message) => {
    const { code, output, errors } = await boot(...args);
    expect({ code, output }).toEqual({ code: expected, output: "" });
    expect(errors).toMatch(message);
  });
});
