import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { PROGRAM } from "./support/assembler.ts";
import { machine, stateOf } from "./support/lockstep.ts";

const EAGER = { threshold: 1, batch: 1, shortest: 1, delay: 0 } as const;
const hex = (text: string): number[] => [...Buffer.from(text.replaceAll(" ", ""), "hex")];

/** Sets flags from EAX and EDX. */
const BEFORE: Readonly<Record<string, string>> = {
  "cmp eax, edx": "39 d0",
  "add eax, edx": "01 d0",
  "and eax, edx": "21 d0",
  "adc eax, edx": "11 d0",
  "shl eax, 3": "c1 e0 03",
  "shr eax, 3": "c1 e8 03",
  "shl eax, cl": "d3 e0",
  "rol eax, 1": "d1 c0",
  "cmp ax, dx": "66 39 d0",
  nothing: "",
};
/** Reads CF, or all flags, behind INC or DEC. */
const AFTER: Readonly<Record<string, string>> = {
  "adc edx, eax": "11 c2",
  "setbe dl": "0f 96 c2",
  "setg dl": "0f 9f c2",
  lahf: "9f",
  "mov [ebx], eax": "89 03",
  "jump and adc": "75 00 11 c2",
};
/** INC ESI; DEC byte [EBX]; both, with a jump between them. */
const KEEPING = ["ff c6", "fe 0b", "ff c6 75 00 ff ce"];
const VALUES = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn];

/** An endless loop of each way to keep the carry and each to read it, behind `before`. */
function loopOf(before: string): Uint8Array {
  const body = KEEPING.flatMap((keeping) => Object.values(AFTER).flatMap((after) => hex(before + keeping + after)));
  const code = new Uint8Array(PROGRAM.codeBytes).fill(0x90);
  const back = -(body.length + 5);
  code.set([...body, 0xe9, back & 0xff, (back >> 8) & 0xff, 0xff, 0xff]);
  return code;
}

describe("the carry that INC and DEC keep, in regions", () => {
  it.each(Object.entries(BEFORE))("is that of %s", (_name, before) => {
    const code = loopOf(before);
    const machines = (["interpreter", "jit"] as const).map((tier) => machine(32, code, tier, EAGER));
    for (const first of VALUES) {
      const [interpreted, compiled] = machines.map((m) => {
        m.cpu.ripNumber = PROGRAM.code;
        m.cpu.rflags = 0x43n;
        for (const [register, value] of [first, 6n, 0x80000001n, BigInt(PROGRAM.data)].entries())
          m.cpu.setRegister(register, value);
        return Array.from({ length: 15 }, (_, i) => stateOf(m, m.cpu.run(200 - 7 * i)));
      });
      expect(compiled).toEqual(interpreted);
      expect(compiled?.at(-1)).toMatch(new RegExp(`^${STOP.budget} `));
    }
    expect(machines[1]?.statistics().executed).toBeGreaterThan(2000);
  });
});
