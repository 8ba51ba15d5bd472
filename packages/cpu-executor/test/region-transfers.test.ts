import type { HostPhysicalAddress } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { RFLAGS, STOP } from "../src/index.ts";
import { PROGRAM } from "./support/assembler.ts";
import { type Machine, machine, stateOf } from "./support/lockstep.ts";

const EAGER = { threshold: 20, batch: 1, shortest: 1, delay: 0 } as const;
const FUNCTION = 0x1000;
const TABLE = 0x1800;
const ROUNDS = 12;
const hex = (text: string): number[] => [...Buffer.from(text.replaceAll(" ", ""), "hex")];

interface Program {
  /** At PROGRAM.code. */
  readonly main: string;
  /** In the next page, where `main` calls it. */
  readonly function: string;
  readonly bits?: 32;
  /** Where the addresses at TABLE lead, from PROGRAM.code on. */
  readonly table?: readonly number[];
}

/** loop: CALL function; ADD EAX, 1; DEC ECX; JNZ loop; UD2. */
const LOOP = "e8 fb 0f 00 00 83 c0 01 ff c9 75 f4 0f 0b";
/** The same with PUSH RDX before. */
const PUSHING = "52 e8 fa 0f 00 00 83 c0 01 ff c9 75 f3 0f 0b";
const inLoop = (code: string): Program => ({ main: LOOP, function: code });

const PROGRAMS: Readonly<Record<string, Program>> = {
  "calls a function that only computes": inLoop("01 d0 c3"),
  "calls a function that returns on two ways": inLoop("84 c0 78 03 01 d0 c3 29 d0 c3"),
  "calls a function whose ways join": inLoop("84 c0 78 02 01 d0 29 c2 c3"),
  "calls a function that removes its argument": { main: PUSHING, function: "01 d0 c2 08 00" },
  // TEST AL, 3; JNZ over; ADD qword [RSP], 3; RET
  "calls a function that returns elsewhere at times": inLoop("a8 03 75 05 48 83 04 24 03 c3"),
  // ADD dword [RSP], 0; RET
  "calls a function that writes its return address": inLoop("83 04 24 00 c3"),
  // The outer one: CALL inner; ADD EAX, 4; RET. The inner one: TEST AL, 1; JZ over; ADD RSP, 8; RET
  "calls a function that returns to its caller's caller at times": inLoop(
    "e8 05 00 00 00 83 c0 04 c3 90 a8 01 74 04 48 83 c4 08 c3",
  ),
  // PUSH RAX; POP RDX; RET
  "calls a function that pushes and pops": inLoop("50 5a c3"),
  // XCHG RSP, [RBX]; XCHG RSP, [RBX]; RET
  "calls a function that switches the stack and back": inLoop("48 87 23 48 87 23 c3"),
  // ADD EAX, 1; INC byte [RBX - 0xeffe], the immediate; RET
  "calls a function that patches itself": inLoop("83 c0 01 fe 83 02 10 ff ff c3"),
  // ADD AL, [RBX - 0x10000 + RCX & 7]: reads code; RET
  "calls a function that reads its caller's code": inLoop("02 83 00 00 ff ff c3"),
  // loop: INC EAX; MOV EDX, EAX; AND EDX, 3; JMP [table + RDX * 8]; cases: ADD, SUB, XOR ECX, EAX, or nothing; JMP loop
  "jumps through a table": {
    main: "ff c0 89 c2 83 e2 03 ff 24 d5 00 18 01 00 01 c1 eb ee 29 c1 eb ea 31 c1 eb e6 eb e4",
    function: "",
    table: [0xe, 0x12, 0x16, 0x1a],
  },
  "jumps through a table in 32-bit code": {
    main: "ff c0 89 c2 83 e2 03 ff 24 95 00 18 01 00 01 c1 eb ee 29 c1 eb ea 31 c1 eb e6 eb e4",
    function: "",
    table: [0xe, 0x12, 0x16, 0x1a],
    bits: 32,
  },
  "calls functions through a table": {
    main: "ff c0 89 c2 83 e2 03 ff 14 d5 00 18 01 00 eb f0",
    function: "01 c1 c3 29 c1 c3 31 c1 c3 90 c3",
    table: [0x1000, 0x1003, 0x1006, 0x1009],
  },
  // MOV RDX, [table + RDX * 8]; CALL RDX
  "calls functions by what it has loaded from a table": {
    main: "ff c0 89 c2 83 e2 03 48 8b 14 d5 00 18 01 00 ff d2 eb ed",
    function: "01 c1 c3 29 c1 c3 31 c1 c3 90 c3",
    table: [0x1000, 0x1003, 0x1006, 0x1009],
  },
  "calls a function in 32-bit code": { ...inLoop("8b 44 24 fc 01 d0 c3"), bits: 32 },
  // What the first call reaches is written for its depth; the second call returns from it, too.
  "returns where the x87 stack has another depth": {
    // loop: CALL f; FSTP ST(1); CALL f; FSUB ST(2), ST; FLD1; DEC ECX; JNZ loop; UD2. f: FCHS; RET
    main: "e8 11 00 00 00 dd d9 e8 0a 00 00 00 dc ea d9 e8 ff c9 75 ec 0f 0b d9 e0 c3",
    function: "",
  },
};

type Tier = "interpreter" | "jit";

/** An image of FXSAVE: eight numbers, 1 to 128, and the usual control word. */
function fullStack(): Uint8Array {
  const image = new Uint8Array(512);
  image.set([0x7f, 3, 0x20, 0, 0xff]);
  for (let i = 0; i < 8; i++) image.set([0x80, 0xff + i, 0x3f + (i > 0 ? 1 : 0)], 32 + 16 * i + 7);
  return image;
}

function prepared({ main, function: code, bits, table = [] }: Program, tier: Tier): Machine {
  const bytes = new Uint8Array(PROGRAM.codeBytes).fill(0x90);
  bytes.set(hex(main));
  bytes.set(hex(code), FUNCTION);
  const size = bits === 32 ? 4 : 8;
  const view = new DataView(bytes.buffer);
  for (const [i, to] of table.entries()) {
    bytes.fill(0, TABLE + i * size, TABLE + (i + 1) * size);
    view.setUint32(TABLE + i * size, PROGRAM.code + to, true);
  }
  const m = machine(bits ?? 64, bytes, tier, EAGER);
  for (const [register, value] of [
    [1, 1 << 20],
    [2, 0x1234567],
    [3, PROGRAM.data],
    [4, PROGRAM.stack],
  ] as const)
    m.cpu.setRegister(register, BigInt(value));
  m.memory.u32[(m.base + PROGRAM.data) >> 2] = PROGRAM.stack + 0x40;
  m.cpu.fpu.load(fullStack());
  return m;
}

/** The states that both tiers leave, with something done before each run. */
function states(program: Program, budgets: readonly number[], between: (m: Machine, round: number) => void) {
  return (["interpreter", "jit"] as const).map((tier) => {
    const m = prepared(program, tier);
    const found = budgets.map((budget, round) => {
      between(m, round);
      return stateOf(m, m.cpu.run(budget));
    });
    const { executed } = m.statistics();
    m.cpu.dispose();
    return { found, executed };
  }) as [{ found: string[]; executed: number }, { found: string[]; executed: number }];
}

const BUDGETS = Array.from({ length: ROUNDS }, (_, i) => 900 + i);

describe("a compiled program that", () => {
  it.each(Object.entries(PROGRAMS))("%s leaves the interpreter's state after every budget", (_name, program) => {
    const [interpreted, compiled] = states(program, BUDGETS, () => undefined);
    expect(compiled.found).toEqual(interpreted.found);
    expect(compiled.found.at(-1)).toMatch(new RegExp(`^${STOP.budget} `));
    expect(compiled.executed).toBeGreaterThan(1000);
  });

  const plain = PROGRAMS["calls a function that only computes"] as Program;

  it.each(Object.entries(PROGRAMS))(
    "%s stops at each instruction, and traps there with RFLAGS.TF",
    (_name, program) => {
      const budgets = [3000, ...Array.from({ length: 40 }, (_, i) => 1 + (i % 7))];
      const [interpreted, compiled] = states(program, budgets, ({ cpu }, round) => {
        if (round > 20) cpu.rflags |= BigInt(RFLAGS.tf);
      });
      expect(compiled.found).toEqual(interpreted.found);
    },
  );

  it("calls a function sees what somebody else writes there", () => {
    const [interpreted, compiled] = states(plain, BUDGETS, ({ memory, base }, round) => {
      if (round < 4 || round % 2 === 0) return;
      // ADD EAX, EDX or SUB EAX, EDX.
      memory.u8[base + PROGRAM.code + FUNCTION] = round % 4 === 1 ? 0x29 : 0x01;
      memory.noteWrite((base + PROGRAM.code + FUNCTION) as HostPhysicalAddress);
    });
    expect(compiled.found).toEqual(interpreted.found);
    expect(new Set(interpreted.found).size).toBe(ROUNDS);
  });

  it("calls a function sees that its page is mapped elsewhere", () => {
    const other = 0x50000;
    const [interpreted, compiled] = states(plain, BUDGETS, ({ memory, base, mmu, cpu }, round) => {
      if (round === 0) memory.u8.set(hex("31 d0 c3"), base + other);
      if (round < 4 || round % 2 === 0) return;
      if (!mmu.elsewhere.delete(PROGRAM.code + FUNCTION)) mmu.elsewhere.set(PROGRAM.code + FUNCTION, other);
      cpu.flushTlb();
    });
    expect(compiled.found).toEqual(interpreted.found);
  });

  it.each(Object.entries(PROGRAMS).filter(([, { table }]) => table !== undefined))(
    "%s follows the table when it changes",
    (_name, program) => {
      const size = program.bits === 32 ? 4 : 8;
      const [interpreted, compiled] = states(program, BUDGETS, ({ memory, base }, round) => {
        const at = base + PROGRAM.code + TABLE;
        const entry = (i: number): number => memory.u32[(at + (i & 3) * size) >> 2] as number;
        // Two entries change places, or one leads to the start.
        if (round % 3 === 0) memory.u32[at >> 2] = PROGRAM.code;
        else {
          const [first, second] = [entry(round), entry(round + 1)];
          memory.u32[(at + (round & 3) * size) >> 2] = second;
          memory.u32[(at + ((round + 1) & 3) * size) >> 2] = first;
        }
        memory.noteWrite((at & ~0xfff) as HostPhysicalAddress);
      });
      expect(compiled.found).toEqual(interpreted.found);
      expect(compiled.executed).toBeGreaterThan(1000);
    },
  );
});
