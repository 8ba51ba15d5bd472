import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { type Cpu, RFLAGS } from "../../src/index.ts";
import { PROGRAM } from "./assembler.ts";
import type { Random } from "./random.ts";
import type { FlatMmu } from "./real-mode.ts";

/** Descriptor tables and the interrupt handler, behind the program's data. */
const GDT = 0x40000;
const IDT = 0x41000;
const HANDLER = 0x42000;
/** Pages that hold other code than the program's pages, for which they can be exchanged. */
const OTHER_CODE = 0x50000;

const PAGE = 0x1000;
const VECTOR = 0x40;
const CODE_SELECTOR = 8;
const INTERRUPT_GATE = 0x8e00;

/** A machine as events act on it. */
export interface EventTarget {
  readonly memory: HostMemory;
  readonly base: number;
  readonly mmu: FlatMmu;
  readonly cpu: Cpu;
}

/** What happens to a machine between two runs of its processor. */
export type LockstepEvent = (target: EventTarget) => void;

/** Tables for interrupts, whose handler counts in memory, and code to exchange pages for. */
export function prepareEvents({ memory, base, cpu }: EventTarget, bits: 32 | 64, other: Uint8Array): void {
  const descriptor = bits === 64 ? 0x00af9b000000ffffn : 0x00cf9b000000ffffn;
  memory.view.setBigUint64(base + GDT + CODE_SELECTOR, descriptor, true);
  memory.view.setBigUint64(base + GDT + 16, 0x00cf93000000ffffn, true);
  const gate = base + IDT + VECTOR * (bits === 64 ? 16 : 8);
  memory.view.setUint32(gate, (CODE_SELECTOR << 16) | (HANDLER & 0xffff), true);
  memory.view.setUint32(gate + 4, (HANDLER & 0xffff0000) | INTERRUPT_GATE, true);
  // INC dword [RBX + 4], which changes flags that IRET brings back.
  const handler = bits === 64 ? [0xff, 0x43, 4, 0x48, 0xcf] : [0xff, 0x43, 4, 0xcf];
  memory.u8.set(handler, base + HANDLER);
  memory.u8.set(other, base + OTHER_CODE);
  cpu.gdtrBase = BigInt(GDT);
  cpu.gdtrLimit = 0xff;
  cpu.idtrBase = BigInt(IDT);
  cpu.idtrLimit = 0xfff;
  cpu.rflags |= BigInt(RFLAGS.if);
}

const interrupt: LockstepEvent = ({ cpu }) => {
  if ((cpu.rflags & BigInt(RFLAGS.if)) !== 0n)
    cpu.deliverEvent({ vector: VECTOR, type: 0, errorCode: -1, instructionLength: 0 });
};

/** Somebody else writes code: a byte of an instruction, or a NOP. */
function patch(random: Random): LockstepEvent {
  const at = PROGRAM.code + random.below(PROGRAM.codeBytes);
  const value = random.pick([0x90, random.below(256)]);
  return ({ memory, base }) => {
    memory.u8[base + at] = value;
    memory.noteWrite(((base + at) & ~(PAGE - 1)) as HostPhysicalAddress);
  };
}

/** The guest's page is mapped to other code from now on, or back again. */
function remap(random: Random): LockstepEvent {
  const page = PROGRAM.code + PAGE * random.below(PROGRAM.codeBytes / PAGE);
  return ({ mmu, cpu }) => {
    if (!mmu.elsewhere.delete(page)) mmu.elsewhere.set(page, page - PROGRAM.code + OTHER_CODE);
    cpu.flushTlb();
  };
}

export function randomEvent(random: Random): LockstepEvent | undefined {
  switch (random.below(8)) {
    case 0:
    case 1:
      return interrupt;
    case 2:
      return patch(random);
    case 3:
      return remap(random);
    default:
      return undefined;
  }
}
