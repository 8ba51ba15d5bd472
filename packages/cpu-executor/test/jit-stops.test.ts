import { describe, expect, it } from "vitest";
import { type Cpu, RFLAGS, STOP } from "../src/index.ts";
import { PROGRAM } from "./support/assembler.ts";
import { machine } from "./support/lockstep.ts";

const EAGER = { threshold: 1, batch: 1, shortest: 1, delay: 0 } as const;
/** loop: ADD EAX, 1; MOV [RBX], EAX; DEC ECX; JNZ loop; UD2. */
const LOOP = [0x83, 0xc0, 1, 0x89, 0x03, 0xff, 0xc9, 0x75, 0xf7, 0x0f, 0x0b];
const STORE = 3;
const TIMES = 100;

/** An interpreted processor and one that compiles every block, at the start of the loop. */
function both(prepare: (cpu: Cpu) => void): readonly [Cpu, Cpu] {
  const code = new Uint8Array(PROGRAM.codeBytes).fill(0x90);
  code.set(LOOP);
  const cpus = (["interpreter", "jit"] as const).map((tier) => {
    const { cpu } = machine(64, code, tier, EAGER);
    cpu.setRegister(1, BigInt(TIMES));
    cpu.setRegister(3, BigInt(PROGRAM.data));
    prepare(cpu);
    return cpu;
  });
  return cpus as [Cpu, Cpu];
}

/** Where it stands and what it says after each of so many runs. */
function stopsOf(cpu: Cpu, runs: number, between: (cpu: Cpu) => void = () => undefined): readonly string[] {
  return Array.from({ length: runs }, () => {
    between(cpu);
    const stop = cpu.run(1000);
    return `${stop} at ${cpu.rip.toString(16)}, flags ${cpu.rflags.toString(16)}, DR6 ${cpu.dr6.toString(16)}, ${cpu.instructionsRetired}`;
  });
}

describe("code that is compiled", () => {
  it("traps behind each instruction with RFLAGS.TF", () => {
    const [interpreted, compiled] = both(() => undefined);
    const step = (cpu: Cpu): void => {
      cpu.rflags |= BigInt(RFLAGS.tf);
    };
    expect(stopsOf(compiled, 3 * TIMES, step)).toEqual(stopsOf(interpreted, 3 * TIMES, step));
    expect(compiled.instructionsRetired).toBe(3 * TIMES);
  });

  it.each([
    ["an execution breakpoint", 2, BigInt(PROGRAM.code + STORE), 0],
    ["a breakpoint on data that is written", 2, BigInt(PROGRAM.data), 0xd_0000],
  ])("stops at %s that is set after it was compiled", (_name, enable, address, kind) => {
    const [interpreted, compiled] = both(() => undefined);
    for (const cpu of [interpreted, compiled]) {
      expect(cpu.run(50)).toBe(STOP.budget);
      cpu.dr0 = address;
      cpu.dr7 = 0x400 | enable | kind;
    }
    const goOn = (cpu: Cpu): void => {
      cpu.rflags |= BigInt(RFLAGS.rf);
    };
    expect(stopsOf(compiled, 10, goOn)).toEqual(stopsOf(interpreted, 10, goOn));
    expect(compiled.instructionsRetired).toBeLessThan(TIMES * 4);
  });

  it("raises #GP for a write through CS", () => {
    const machines = (["interpreter", "jit"] as const).map((tier) => {
      const code = new Uint8Array(PROGRAM.codeBytes).fill(0x90);
      // loop: MOV [EBX], EAX, so that the page is in the soft TLB; DEC ECX; JNZ loop; SBB dword CS:[EBX], 1.
      code.set([0x89, 0x03, 0xff, 0xc9, 0x75, 0xfa, 0x2e, 0x83, 0x1b, 1]);
      const { cpu } = machine(32, code, tier, EAGER);
      cpu.setRegister(3, BigInt(PROGRAM.data));
      return cpu;
    });
    const [interpreted, compiled] = machines as [Cpu, Cpu];
    const again = (cpu: Cpu): void => {
      cpu.setRegister(1, BigInt(TIMES));
      cpu.ripNumber = PROGRAM.code;
    };
    expect(stopsOf(compiled, 3, again)).toEqual(stopsOf(interpreted, 3, again));
    expect(compiled.stop.vector).toBe(13);
  });

  it("keeps RFLAGS.RF for an instruction that faults, though its block becomes hot", () => {
    const [interpreted, compiled] = both((cpu) => {
      cpu.ripNumber = PROGRAM.code + LOOP.length - 2;
      cpu.rflags |= BigInt(RFLAGS.rf);
    });
    expect(stopsOf(compiled, 1)).toEqual(stopsOf(interpreted, 1));
    expect(compiled.rflags & BigInt(RFLAGS.rf)).toBe(BigInt(RFLAGS.rf));
  });

  it("is that of a guest, too, which stops at a port long before the end of a slice", () => {
    const code = new Uint8Array(PROGRAM.codeBytes).fill(0x90);
    // again: MOV ECX, 8; loop: ADD EAX, 1; DEC ECX; JNZ loop; OUT 80h, AL; JMP again.
    code.set([0xb9, 8, 0, 0, 0, 0x83, 0xc0, 1, 0xff, 0xc9, 0x75, 0xf9, 0xe6, 0x80, 0xeb, 0xf0]);
    const { cpu, statistics } = machine(64, code, "jit", { ...EAGER, threshold: 20, batch: 100 });
    for (let i = 0; i < 5000; i++) {
      expect(cpu.run(1 << 20)).toBe(STOP.port);
      cpu.completeInstruction();
    }
    expect(cpu.registerLow(0)).toBe(8 * 5000);
    expect(statistics().executed).toBeGreaterThan(0);
  });
});
