import type { HostPhysicalAddress } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { type Cpu, SEGMENT, STOP } from "../src/index.ts";
import { SystemMachine } from "./support/system-machine.ts";

// A run that begins where a port access has stopped the one before takes a short way, unless something has happened that it
// must look at first. `needsLook` has the other machine take the long way each time.

/** mov dx,80h; l: out dx,al; inc eax; in al,dx; mov [9002h],ecx; out 0e9h,al; jmp l. */
const LOOP = "66ba8000 ee 40 ec 890d02900000 e6e9 ebf3";
const HANDLER = 0x1800;
const BUDGET = 1000;
/** More than emitted code is called for at once. */
const BEYOND_A_SLICE = 1 << 20;
const USER_CODE = 0xc0fb;
const USER_DATA = 0xc0f3;
const TSS_BUSY = 0x8b;

const SMAP = 1 << 21;
const ALIGNMENT_MASK = 0x40011;

type Change = (machine: SystemMachine) => void;

const toUser = ({ cpu }: SystemMachine, rflagsNumber: number): void => {
  cpu.cr0 = ALIGNMENT_MASK;
  cpu.setSegmentRaw(SEGMENT.cs, 0x1b, 0, 0, 0xffffffff, USER_CODE);
  cpu.setSegmentRaw(SEGMENT.ss, 0x23, 0, 0, 0xffffffff, USER_DATA);
  cpu.rflagsNumber = rflagsNumber;
};

const set =
  (values: Partial<Cpu>): Change =>
  ({ cpu }) => {
    Object.assign(cpu, values);
  };

/** What may happen between two runs, and the stops that follow. */
const CHANGES: readonly (readonly [string, Change])[] = [
  ["nothing", () => {}],
  ["RIP elsewhere", set({ ripNumber: 0x1006 })],
  ["RFLAGS.TF", set({ rflagsNumber: 0x102 })],
  ["RFLAGS.RF", set({ rflagsNumber: 0x10002 })],
  ["RFLAGS.AC with SMAP", set({ cr4: SMAP, rflagsNumber: 0x40002 })],
  ["virtual-8086 mode", set({ rflagsNumber: 0x20002 })],
  ["CPL 3 without I/O privilege", (machine) => toUser(machine, 2)],
  ["CPL 3 with I/O privilege", (machine) => toUser(machine, 0x3002)],
  ["CPL 3 and an alignment check", (machine) => toUser(machine, 0x43002)],
  [
    "RFLAGS.AC for a while",
    (machine) => {
      const { cpu } = machine;
      cpu.cr4 = SMAP;
      cpu.rflagsNumber = 0x40002;
      for (let i = 0; i < 5; i++) {
        cpu.run(BUDGET);
        complete(machine);
      }
      cpu.rflagsNumber = 2;
    },
  ],
  ["another base of CS", ({ cpu }) => cpu.setSegmentRaw(SEGMENT.cs, 8, 2, 0, 0xffffffff, 0xc09b)],
  ["16-bit code", ({ cpu }) => cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffff, 0x9b)],
  ["a limit of CS before RIP", ({ cpu }) => cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0x1004, 0x409b)],
  ["a shadow of STI", set({ interruptShadow: 1 })],
  ["a shadow of MOV SS and a waiting trap", set({ interruptShadow: 2, pendingDebug: 0x4000 })],
  ["a waiting trap", set({ pendingDebug: 1 })],
  ["a window for interrupts", set({ rflagsNumber: 0x202, windowRequest: 1 })],
  ["a window for NMIs", set({ windowRequest: 2 })],
  ["HLT", set({ halted: true })],
  ["a breakpoint on execution", set({ dr0: 0x1006n, dr7: 0x401 })],
  ["a breakpoint on ports", set({ cr4: 8, dr0: 0x80n, dr7: 0x20401 })],
  ["an event", ({ cpu }) => cpu.deliverEvent({ vector: 64, type: 0, errorCode: -1, instructionLength: 0 })],
  ["flushed translations", ({ cpu }) => cpu.flushTlb()],
  [
    "code written by others",
    ({ cpu, memory, base }) => {
      const at = base + (cpu.ripNumber & ~0xfff);
      memory.noteWrite(at as HostPhysicalAddress);
      memory.u8[base + cpu.ripNumber] = 0xf4;
    },
  ],
  [
    "code on an absent page",
    ({ cpu, mmu }) => {
      mmu.absent.add(0x1000);
      cpu.flushTlb();
    },
  ],
];

function ready(): SystemMachine {
  const machine = new SystemMachine(LOOP);
  const { cpu } = machine;
  cpu.intercepts.fill(1);
  cpu.exceptionBitmap = ~(1 << 1);
  for (const vector of [1, 64]) machine.gate(vector, HANDLER);
  machine.load(HANDLER, "e640 cf");
  cpu.setSegmentRaw(SEGMENT.tr, 0x18, 0xa000, 0, 0x60, TSS_BUSY);
  return machine;
}

const complete = ({ cpu }: SystemMachine): void => {
  if (cpu.stop.kind === STOP.port) cpu.completeInstruction();
};

/** The stops behind a change that happens when the guest has stopped at `before` ports. */
function stops(change: Change, before: number, way: "short" | "long"): unknown[] {
  const machine = ready();
  const { cpu } = machine;
  const run = (budget: number): unknown => {
    if (way === "long") cpu.needsLook = true;
    const stop = cpu.run(budget);
    const { kind, vector, errorCode, instructionLength, portQualification } = cpu.stop;
    const details = stop === STOP.exception ? { vector, errorCode } : stop === STOP.port ? { portQualification } : {};
    return { stop, kind, instructionLength, ...details, retired: cpu.instructionsRetired, left: cpu.budgetLeft };
  };
  for (let i = 0; i < before; i++) {
    run(BUDGET);
    complete(machine);
  }
  change(machine);
  const seen: unknown[] = [];
  for (const budget of [BUDGET, BUDGET, 1, 2, 3, BUDGET, BEYOND_A_SLICE, BUDGET]) {
    seen.push(run(budget), cpu.saveState());
    complete(machine);
  }
  // As whom memory was accessed shows in what the MMU was asked.
  return [...seen, machine.mmu.asked];
}

describe("a run that begins behind a port access", () => {
  it.each(CHANGES)("does after %s what a run does that looks at everything", (_name, change) => {
    for (const before of [1, 2, 3, 4, 9]) expect(stops(change, before, "short")).toEqual(stops(change, before, "long"));
  });

  it("stops at the port with all that the access is", () => {
    const { cpu } = ready();
    const seen: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      expect(cpu.run(BUDGET)).toBe(STOP.port);
      const { port, portSize, portIsIn, portIsImmediate } = cpu.stop;
      seen.push([cpu.ripNumber, port, portSize, portIsIn, portIsImmediate]);
      cpu.completeInstruction();
    }
    expect(seen).toEqual([
      [0x1004, 0x80, 1, false, false],
      [0x1006, 0x80, 1, true, false],
      [0x100d, 0xe9, 1, false, true],
      [0x1004, 0x80, 1, false, false],
      [0x1006, 0x80, 1, true, false],
    ]);
  });

  it("has the instruction pointer of an access that ends at the top of the address space", () => {
    const { cpu } = new SystemMachine("e6e9");
    cpu.setSegmentRaw(SEGMENT.cs, 8, 0x1002, 0, 0xffffffff, 0xc09b);
    for (let i = 0; i < 3; i++) {
      cpu.ripNumber = 0xfffffffe;
      expect(cpu.run(BUDGET)).toBe(STOP.port);
      expect(cpu.ripNumber).toBe(0xfffffffe);
      cpu.completeInstruction();
      expect(cpu.ripNumber).toBe(0);
    }
  });
});
