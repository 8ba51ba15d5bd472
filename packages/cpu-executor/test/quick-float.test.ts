import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { borderState, fillWithBorders } from "./support/float-borders.ts";
import { Random } from "./support/random.ts";
import { RealModeMachine } from "./support/real-mode.ts";

/** Executions of each instruction; states are at the borders of what the quick ways take. */
const COUNT = 200;
const DATA = 0x4000;

interface Outcome {
  readonly fx: Uint8Array;
  /** Memory, RFLAGS and RAX. */
  readonly rest: string;
  readonly stop: number;
}

const text = ({ fx, rest }: Outcome): string => `${Buffer.from(fx).toString("hex")} ${rest}`;

class Bench {
  readonly #machine = new RealModeMachine("90");

  constructor() {
    this.#machine.cpu.cr4 = 0x600;
  }

  /** Puts the instruction there; what follows runs it once for each state. */
  load(code: string): void {
    this.#machine.load(0x1000, code);
  }

  run(fx: Uint8Array, memory: Uint8Array): Outcome {
    const { cpu, base } = this.#machine;
    this.#machine.memory.u8.set(memory, base + DATA);
    cpu.fpu.load(fx);
    cpu.setRegister(0, 0x1122334455667788n);
    cpu.rflagsNumber = 0x8d7;
    cpu.ripNumber = 0x1000;
    const stop = cpu.run(1);
    const { rflagsNumber: flags } = cpu;
    const saved = cpu.fpu.save().slice(0, 416);
    return { stop, fx: saved, rest: `${this.#machine.read(DATA, 32)} ${flags} ${cpu.getRegister(0)}` };
  }
}

const word = (fx: Uint8Array, at: number): number => new DataView(fx.buffer, fx.byteOffset).getUint32(at, true);

function change(fx: Uint8Array, at: number, value: number): Uint8Array {
  const changed = fx.slice();
  new DataView(changed.buffer).setUint16(at, value, true);
  return changed;
}

const MXCSR = 24;
const PE = 0x20;
/** All exceptions masked, rounding to nearest, 64 bits of precision: in its usual encoding, and in a reserved one. */
const QUICK_CONTROL = 0x37f;
const GENERAL_CONTROL = 0x17f;

/** Operands: ST(0), ST(1), the numbers at DS:4000. */
const X87: readonly (readonly [string, string])[] = [
  ...(["add", "mul", "com", "comp", "sub", "subr", "div", "divr"] as const).flatMap((name, i): [string, string][] => {
    const modrm = (0x06 | (i << 3)).toString(16).padStart(2, "0");
    const register = (0xc1 + i * 8).toString(16);
    return [
      [`f${name} m32`, `d8${modrm}0040`],
      [`f${name} m64`, `dc${modrm}0040`],
      [`fi${name} m32`, `da${modrm}0040`],
      [`fi${name} m16`, `de${modrm}0040`],
      [`f${name} st,st1`, `d8${register}`],
    ];
  }),
  ...[0xc1, 0xc9, 0xe1, 0xe9, 0xf1, 0xf9].flatMap((modrm): [string, string][] => [
    [`dc ${modrm.toString(16)}`, `dc${modrm.toString(16)}`],
    [`de ${modrm.toString(16)}`, `de${modrm.toString(16)}`],
  ]),
  ["faddp st0", "dec0"],
  ["fadd st,st0", "d8c0"],
  ["fld m32", "d9060040"],
  ["fld m64", "dd060040"],
  ["fld m80", "db2e0040"],
  ["fld st3", "d9c3"],
  ["fild m16", "df060040"],
  ["fild m32", "db060040"],
  ["fild m64", "df2e0040"],
  ["fst m32", "d9160040"],
  ["fstp m32", "d91e0040"],
  ["fst m64", "dd160040"],
  ["fstp m64", "dd1e0040"],
  ["fstp m80", "db3e0040"],
  ["fst st2", "ddd2"],
  ["fstp st2", "ddda"],
  ["fstp st0", "ddd8"],
  ["fist m16", "df160040"],
  ["fistp m32", "db1e0040"],
  ["fistp m64", "df3e0040"],
  ["fisttp m32", "db0e0040"],
  ["fxch st2", "d9ca"],
  ["fchs", "d9e0"],
  ["fabs", "d9e1"],
  ["fldpi", "d9eb"],
  ["fcomi", "dbf1"],
  ["fucomi", "dbe9"],
  ["fcomip", "dff1"],
  ["fucompp", "dae9"],
];

describe("the quick way of x87 does what the general one does, at its borders:", () => {
  const bench = new Bench();
  it.each(X87)("%s", (name, code) => {
    const random = new Random(BigInt(X87.findIndex(([other]) => other === name)) + 1000n);
    bench.load(code);
    for (let i = 0; i < COUNT; i++) {
      const state = borderState(random, QUICK_CONTROL, 0x1f80);
      // A free register for what is pushed, in three of four states.
      if (/^f(i?ld|ldpi)/.test(name) && random.below(4) !== 0) {
        const top = ((word(state, 0) >>> 16) >>> 11) & 7;
        state[4] = (state[4] as number) & ~(1 << ((top + 7) & 7));
      }
      const memory = new Uint8Array(32);
      fillWithBorders(memory, random);
      const quick = bench.run(state, memory);
      const general = bench.run(change(state, 0, GENERAL_CONTROL), memory);
      expect(text({ ...quick, fx: change(quick.fx, 0, GENERAL_CONTROL) })).toBe(text(general));
    }
  });
});

/** XMM0 with XMM1, or with the number at DS:4000. */
const SSE: readonly (readonly [string, string])[] = [
  ...(["sqrt 51", "add 58", "mul 59", "sub 5c", "min 5d", "div 5e", "max 5f"] as const).flatMap(
    (line): [string, string][] => {
      const [name, opcode] = line.split(" ");
      return [
        [`${name}ps`, `0f${opcode}c1`],
        [`${name}pd`, `660f${opcode}c1`],
        [`${name}ss`, `f30f${opcode}c1`],
        [`${name}sd`, `f20f${opcode}060040`],
      ];
    },
  ),
  ["cmpltsd", "f20fc2c101"],
  ["cmpunordps", "0fc2c103"],
  ["comisd", "660f2fc1"],
  ["ucomiss", "0f2ec1"],
  ["cvtsi2sd", "66f20f2a060040"],
  ["cvtsi2ss", "66f30f2a060040"],
  ["cvttsd2si", "66f20f2cc1"],
  ["cvtsd2si", "66f20f2dc1"],
  ["cvttss2si", "66f30f2cc1"],
  ["cvtss2si", "66f30f2d060040"],
  ["cvtss2sd", "f30f5ac1"],
  ["cvtsd2ss", "f20f5ac1"],
  ["cvtdq2ps", "0f5bc1"],
  ["cvtdq2pd", "f30fe6c1"],
  ["cvtps2dq", "660f5bc1"],
  ["cvttpd2dq", "660fe6c1"],
  ["cvtps2pd", "0f5ac1"],
  ["cvtpd2ps", "660f5ac1"],
  ["haddps", "f20f7cc1"],
  ["addsubpd", "660fd0c1"],
];

/** All exceptions masked, and one that is not: then only the general way is taken, with the same results if it does not occur. */
const MASKED = 0x1f80;
const GENERAL = [0x400, 0x800, 0x200, 0x100, 0x80].map((mask) => MASKED & ~mask);

describe("the quick way of SSE does what the general one does, at its borders:", () => {
  const bench = new Bench();
  it.each(SSE)("%s", (name, code) => {
    const random = new Random(BigInt(SSE.findIndex(([other]) => other === name)) + 2000n);
    bench.load(code);
    let compared = 0;
    for (let i = 0; i < COUNT; i++) {
      const state = borderState(random, QUICK_CONTROL, MASKED);
      const memory = new Uint8Array(32);
      fillWithBorders(memory, random);
      for (const sticky of [0, PE]) {
        const general = GENERAL.map((mxcsr) => bench.run(change(state, MXCSR, mxcsr | sticky), memory));
        const done = general.find(({ stop }) => stop === STOP.budget);
        if (done === undefined) continue;
        const quick = bench.run(change(state, MXCSR, MASKED | sticky), memory);
        const expected = change(done.fx, MXCSR, word(done.fx, MXCSR) | MASKED);
        expect(text(quick)).toBe(text({ ...done, fx: expected }));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(COUNT);
  });
});
