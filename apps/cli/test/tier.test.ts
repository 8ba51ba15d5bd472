import { beforeEach, describe, expect, it, vi } from "vitest";
import { kernelFile } from "./kernels.ts";
import { runHere } from "./run-here.ts";
import { programFile } from "./run-likex.ts";

/** What the compiler was made with, each time, and how often its module was loaded. */
const compiler = vi.hoisted(() => ({ options: [] as unknown[], loads: 0 }));
vi.mock("@likex/cpu-executor/jit", async (importOriginal) => {
  compiler.loads += 1;
  const original = await importOriginal<typeof import("@likex/cpu-executor/jit")>();
  return {
    ...original,
    createJit: (...args: Parameters<typeof original.createJit>) => {
      compiler.options.push(args[0]);
      return original.createJit(...args);
    },
  };
});

const timeout = 60_000;
/** mov ecx, 5000; again: add eax, ecx; dec ecx; jnz again; shr eax, 4; out 0f4h, al */
const COUNTDOWN = "31c0 b988130000 01c8 49 75fb c1e804 e6f4";
/** again: dec cx; jnz again; hlt */
const FLAT_LOOP = "b9 e8 03 49 75 fd f4";

const boot = (...args: string[]): Promise<{ code: number; output: string; errors: string }> =>
  runHere("boot", kernelFile(COUNTDOWN), "--input", "none", "--json", "--stats", ...args);

beforeEach(() => {
  compiler.options.length = 0;
});

describe("without --tier", () => {
  it("likex run loads no compiler", { timeout }, async () => {
    const { code, output } = await runHere("run", programFile(FLAT_LOOP), "--json");
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ tier: "interpreter" });
    expect(compiler).toEqual({ options: [], loads: 0 });
  });

  it("likex boot uses the compiler with its own defaults", { timeout }, async () => {
    const { output } = await boot();
    expect(JSON.parse(output)).toMatchObject({ tier: "auto" });
    expect(compiler.options).toEqual([{}]);
  });
});

describe("likex boot --tier", () => {
  it.each(["interpreter", "jit", "auto"])("%s gives the same result and instructions", { timeout }, async (tier) => {
    const { code, output } = await boot("--tier", tier);
    // The sum of 1 to 5000 divided by 16, of which the device gets the low byte.
    const sent = ((5000 * 5001) / 2 / 16) & 0xff;
    expect(code).toBe((sent * 2 + 1) & 0xff);
    expect(JSON.parse(output)).toMatchObject({ tier, statistics: { instructions: 15_003 } });
  });

  it("jit compiles each block that is entered again, at once", { timeout }, async () => {
    await boot("--tier", "jit");
    expect(compiler.options).toEqual([{ threshold: 2, batch: 1, shortest: 1, delay: 0 }]);
  });

  it("takes thresholds, in place of the tier's own", { timeout }, async () => {
    await boot("--jit-threshold", "0x20");
    await boot("--tier", "auto", "--jit-batch", "3", "--jit-threshold", "7");
    await boot("--tier", "jit", "--jit-batch", "4");
    await boot("--jit-delay", "0");
    expect(compiler.options).toEqual([
      { threshold: 32 },
      { threshold: 7, batch: 3 },
      { threshold: 2, batch: 4, shortest: 1, delay: 0 },
      { delay: 0 },
    ]);
  });
});

describe("likex run --tier", () => {
  it("auto compiles a flat binary's code", { timeout }, async () => {
    const { code, output } = await runHere("run", programFile(FLAT_LOOP), "--tier", "auto", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ tier: "auto" });
    expect(compiler.options).toEqual([{}]);
  });
});

describe("likex refuses", () => {
  it.each([
    [["--tier", "fast"], /'--tier <tier>' argument 'fast' is invalid. Allowed choices are interpreter, jit, auto/],
    [["--jit-threshold", "0"], /The JIT threshold must be from 1 to 1073741823/],
    [["--jit-threshold", "1073741824"], /The JIT threshold must be from 1 to 1073741823/],
    [["--jit-delay", "1073741824"], /The JIT delay must be from 0 to 1073741823/],
    [["--jit-batch", "few"], /The JIT batch "few" is not a number/],
    [["--tier", "interpreter", "--jit-threshold", "3"], /--jit-threshold is for a compiler.*Drop it/],
    [["--tier", "interpreter", "--jit-batch", "3"], /--jit-batch is for a compiler.*Drop it/],
    [["--tier", "interpreter", "--jit-delay", "0"], /--jit-delay is for a compiler.*Drop it/],
    [["--kvm", "host", "--tier", "auto"], /--tier is for the emulated processor.*Drop --tier or --kvm host/],
    [["--kvm", "host", "--jit-batch", "1"], /Drop --jit-batch or --kvm host/],
  ] as const)("%j", async (args, message) => {
    for (const command of ["boot", "run"]) {
      const { code, output, errors } = await runHere(command, programFile("f4"), ...args);
      expect({ code, output }).toEqual({ code: 2, output: "" });
      expect(errors).toMatch(message);
    }
  });

  it("--jit-threshold for a program that the default tier would interpret", async () => {
    const { code, errors } = await runHere("run", programFile("f4"), "--jit-threshold", "9");
    expect(code).toBe(2);
    expect(errors).toMatch(/--jit-threshold is for a compiler/);
  });
});

describe("the help", () => {
  it.each([
    ["boot", "auto"],
    ["run", "interpreter"],
  ])("of likex %s names the tiers, and %s as the default", async (command, tier) => {
    const { JIT_DEFAULTS } = await import("@likex/cpu-executor/jit");
    const { output } = await runHere("help", command);
    const text = output.replaceAll(/\s+/g, " ");
    expect(text).toContain(`(default: ${tier}; not for the real device)`);
    expect(text).toMatch(/--jit-threshold <count>.*--jit-batch <count>.*--jit-delay <count>/);
    expect(text).toContain(`is compiled (default: ${JIT_DEFAULTS.threshold}, for jit 2)`);
    expect(text).toContain(`compiled together (default: ${JIT_DEFAULTS.batch}, for jit 1)`);
    expect(text).toContain(`is compiled (default: ${JIT_DEFAULTS.delay}, for jit 0)`);
    expect(text).toContain("Tiers: interpreter compiles no guest code");
    expect(text).toContain(`--tier ${command === "boot" ? "interpreter" : "auto"}`);
  });
});
