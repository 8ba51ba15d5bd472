import { describe, expect, it } from "vitest";
import { SystemMachine } from "./support/system-machine.ts";

/** Instructions that read or replace some of the flags and keep the others, 32-bit code. */
const INSTRUCTIONS: Readonly<Record<string, string>> = {
  "bt ecx, edx": "0f a3 d1",
  "bts ecx, edx": "0f ab d1",
  stc: "f9",
  clc: "f8",
  cmc: "f5",
  sahf: "9e",
  "rcl ecx, cl": "d3 d1",
  "rcr ecx, cl": "d3 d9",
  "rol ecx, cl": "d3 c1",
  "ror ecx, 1": "d1 c9",
  "inc ecx": "41",
  "dec ecx": "49",
  "adc ecx, edx": "11 d1",
  "sbb ecx, edx": "19 d1",
  "shl ecx, cl": "d3 e1",
  "setb cl": "0f 92 c1",
  "cmovbe ecx, edx": "0f 46 ca",
  das: "2f",
  aaa: "37",
  "adox ecx, edx": "f3 0f 38 f6 ca",
  "cmpxchg8b [ebx]": "0f c7 0b",
};

const VALUES = [0n, 1n, 7n, 0x1fn, 0x80n, 0x7fffffffn, 0x80000000n, 0xffffffffn];
/** cmp eax, edx; add eax, edx; and eax, edx; inc eax; shl eax, 3 */
const BEFORE = ["39 d0", "01 d0", "21 d0", "40", "c1 e0 03"];

function run(
  { cpu, memory, base }: SystemMachine,
  split: "at once" | "flags put in between",
  values: readonly bigint[],
): string {
  cpu.ripNumber = 0x1000;
  cpu.rflags = 2n;
  for (const [register, value] of values.entries()) cpu.setRegister(register, value);
  cpu.setRegister(3, 0x7000n);
  memory.u32.fill(0, (base + 0x7000) >> 2, (base + 0x7008) >> 2);
  if (split === "at once") cpu.run(2);
  else {
    cpu.run(1);
    const { rflags } = cpu;
    cpu.rflags = rflags;
    cpu.run(1);
  }
  return [cpu.rflags, ...values.map((_, register) => cpu.getRegister(register))].map((v) => v.toString(16)).join(" ");
}

describe("flags that were left to be computed later", () => {
  it.each(Object.entries(INSTRUCTIONS))("are what they would be at once for %s", (_name, code) => {
    for (const before of BEFORE) {
      const machine = new SystemMachine(`${before} ${code}`);
      for (const first of VALUES) {
        for (const second of VALUES) {
          const values = [first, VALUES[(VALUES.indexOf(first) + 3) % VALUES.length] as bigint, second];
          const expected = run(machine, "flags put in between", values);
          expect(run(machine, "at once", values), before).toBe(expected);
        }
      }
      machine.cpu.dispose();
    }
  });
});
