import { describe, expect, it } from "vitest";
import { SEGMENT, STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

// Entries of the soft TLB and of the jump cache without a translation have tags, too, and a guest may use any address.

const TAGS = [0x7f7f7f7f7f7f7f7fn, 0x7f7f7f7f7f7f8000n, 0x7f7f7f7f7f000000n, 0x7f7f7f7f7f7f8f7en, 0x7f00000000000000n];
const EAGER = { threshold: 1, batch: 1, shortest: 1, delay: 0 };

const little = (value: bigint): string => Buffer.from(BigUint64Array.of(value).buffer).toString("hex");

function machine(code: string, backEnd: "interpreter" | "regions"): SystemMachine {
  const m = new SystemMachine(code, backEnd === "regions" ? { jit: createJit(EAGER) } : {});
  m.cpu.efer = 0x500;
  m.cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffffffff, 0xa09b);
  m.cpu.exceptionBitmap = -1;
  return m;
}

const cases = TAGS.flatMap((tag) => (["interpreter", "regions"] as const).map((backEnd) => [tag, backEnd] as const));

describe.each(cases)("the address %x, which no translation has (%s)", (tag, backEnd) => {
  /** Some pages are mapped before, and some translations dropped one by one. */
  const warm = "488b042500500000 48890425006000000f013c2500500000";

  it.each([
    ["read", "488b03"],
    ["written", "488903"],
    ["added to", "480103"],
  ])("is #GP when it is %s", (_name, access) => {
    // mov rbx,tag; five times around: the access, behind a jump so that it is compiled.
    const m = machine(`${warm}48bb${little(tag)} eb00 ${access} f4`, backEnd);
    for (const flush of [false, true]) {
      if (flush) m.cpu.flushTlb();
      m.cpu.ripNumber = 0x1000;
      for (let i = 0; i < 4; i++) {
        expect(m.cpu.run(100)).toBe(STOP.exception);
        expect(m.cpu.stop).toMatchObject({ vector: 13, errorCode: 0 });
      }
    }
  });

  it.each([
    ["jumped to", "ffe3"],
    ["called", "ffd3"],
    ["returned to", "53c3"],
  ])("is #GP when it is %s", (_name, branch) => {
    const m = machine(`${warm}48bb${little(tag)} eb00 ${branch} f4`, backEnd);
    for (const flush of [false, true]) {
      if (flush) m.cpu.flushTlb();
      for (let i = 0; i < 4; i++) {
        m.cpu.ripNumber = 0x1000;
        expect(m.cpu.run(100)).toBe(STOP.exception);
        expect(m.cpu.stop).toMatchObject({ vector: 13, errorCode: 0 });
      }
    }
  });
});
