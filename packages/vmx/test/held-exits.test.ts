import { STOP } from "@likex/cpu-executor";
import { describe, expect, it } from "vitest";
import { VMCS_FIELDS } from "../src/index.ts";
import type { FakeCpu, Step } from "./fake-processor.ts";
import { BITMAP_A, BITMAP_B, Machine, stopOnException, stopOnMmu, stopOnPort } from "./machine.ts";

// Without a trace sink an exit for IN or OUT stays in the processor, and an entry behind one takes a short way to the next
// exit. A machine whose exits save all says what must be seen of each.

/** NMI-window exiting is for these only. */
const WITH_VIRTUAL_NMIS = 0x3fn;
const UNCONDITIONAL = 0xa581e5f2n;
/** The one that exits under I/O bitmaps. */
const PORT = 0x80;

const out = (cpu: FakeCpu): number => {
  cpu.rip += 2n;
  return stopOnPort({ port: PORT, length: 2 })(cpu);
};

const waitingTrap: Step = (cpu) => {
  cpu.pendingDebug = 0x4000;
  cpu.interruptShadow = 2;
  return out(cpu);
};

/** After seven instructions, at a border where the processor would take an event. */
const window: Step = (cpu) => {
  cpu.instructionsRetired += 7;
  cpu.rip += 7n;
  return STOP.window;
};

const LAST: readonly (readonly [string, readonly Step[]])[] = [
  ["OUT", [out]],
  ["IN", [stopOnPort({ port: 0xfff0, size: 2, isIn: true, length: 1 })]],
  ["OUTS", [stopOnPort({ port: 0x80, isString: true, length: 2, segment: 2 })]],
  ["OUT with debug exceptions that wait", [waitingTrap]],
  ["an exception that is intercepted", [stopOnException(6, -1, 2)]],
  ["an exception that is not, and OUT", [stopOnException(5, -1, 2), out]],
  ["an EPT violation", [stopOnMmu()]],
  ["a triple fault", [() => STOP.shutdown]],
  ["the end of the budget", [() => STOP.budget]],
  ["an open window that nobody asked for, and OUT", [window, out]],
];

/** What there is of the exits and, when all have happened, of the VMCS; a script of stops for each entry behind the first two. */
function seen(trace: typeof Machine.trace, controls: bigint, ...scripts: readonly (readonly Step[])[]): unknown[] {
  Machine.trace = trace;
  const machine = Machine.ready(
    {},
    {
      ...{ PIN_BASED_VM_EXEC_CONTROL: WITH_VIRTUAL_NMIS, CPU_BASED_VM_EXEC_CONTROL: controls },
      ...{ IO_BITMAP_A: BigInt(BITMAP_A), IO_BITMAP_B: BigInt(BITMAP_B) },
    },
  );
  machine.memory.u8[BITMAP_A + (PORT >> 3)] = 1 << (PORT & 7);
  const { vmx, cpu } = machine;
  const exits: unknown[] = [];
  const toldOf =
    (step: Step): Step =>
    (before) => {
      exits.push([before.rip, before.pendingDebug, before.interruptShadow]);
      return step(before);
    };
  const all = [[out], [out], ...scripts];
  for (const script of all) {
    machine.enter(...script.map(toldOf));
    const { reason, ...access } = vmx.lastExit;
    // Of other exits these are those of the last port access.
    exits.push([reason, reason === 30 ? access : undefined, vmx.interruptState, vmx.budgetLeft, cpu.rip]);
    if (script !== all.at(-1)) vmx.completeInstruction(2);
  }
  return [...exits, ...VMCS_FIELDS.map(({ name }) => [name, machine.read(name)])];
}

describe("an exit behind others for OUT", () => {
  it.each(LAST)("is seen as if all had been saved: %s", (_name, last) => {
    expect(seen("none", UNCONDITIONAL, last)).toEqual(seen("events", UNCONDITIONAL, last));
  });

  it.each(LAST)("leads to the same entry: %s", (_name, last) => {
    expect(seen("none", UNCONDITIONAL, last, [out])).toEqual(seen("events", UNCONDITIONAL, last, [out]));
  });

  it.each([
    ["no intercepted ports", UNCONDITIONAL & ~(1n << 24n)],
    ["I/O bitmaps", UNCONDITIONAL | (1n << 25n)],
    ["interrupt-window exiting", UNCONDITIONAL | (1n << 2n)],
    ["NMI-window exiting", UNCONDITIONAL | (1n << 22n)],
    ["the monitor trap flag", UNCONDITIONAL | (1n << 27n)],
  ])("is seen so with %s, too", (_name, controls) => {
    for (const [, last] of LAST) {
      // Where accesses are let through it takes a stop that is none to end the run.
      const script = [...last, () => STOP.shutdown];
      expect(seen("none", controls, script)).toEqual(seen("events", controls, script));
    }
  });
});
