import { describe, expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

/** Regions after a thousand port accesses of a program. */
function regionsOf(code: string): number {
  const jit = createJit({ threshold: 4, batch: 1, delay: 0, shortest: 8 });
  const { cpu, memory } = new SystemMachine(code, { jit });
  for (let i = 0; i < 1000; i++) {
    expect(cpu.run(10_000)).toBe(STOP.port);
    cpu.completeInstruction();
  }
  return jit.statistics(memory).regions;
}

describe("code between port accesses", () => {
  it("is no region while every way through it is short", () => {
    // out 80h,al; inc eax; test eax,eax; in al,80h; jz to the start; jmp there too.
    expect(regionsOf("e680 40 85c0 e480 74f7 ebf5")).toBe(0);
  });

  it("is one where a way through it is long", () => {
    // out 80h,al; eight times inc eax; jmp to the start.
    expect(regionsOf("e680 4040404040404040 ebf4")).toBe(1);
  });

  it("is one where a way through it comes round again", () => {
    // out 80h,al; mov ecx,3; dec ecx; jnz to it; jmp to the start.
    expect(regionsOf("e680 b903000000 49 75fd ebf4")).toBe(1);
  });
});
