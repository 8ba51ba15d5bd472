import type { Regs, Segment, Sregs, Vcpu } from "@likex/kvm-client";
import type { EntryState } from "@likex/loaders";
import { assignRegisters, type RegisterAssignment, type RegisterValues } from "./registers.ts";

const CR0_PG = 1n << 31n;
/** PE and ET, which is always 1 (SDM Vol 3A 2.5). */
const CR0_PROTECTED = 0x11n;

/** The checked state of the vCPU before its first instruction. */
export interface InitialState {
  readonly assignments: readonly RegisterAssignment[];
  readonly entry: EntryState;
  /** Guest-physical address of the first instruction; undefined when the registers turn paging on. */
  readonly address: number | undefined;
}

/** @throws UnknownRegisterError, InvalidRegisterValueError. */
export function initialState(entry: EntryState, registers: RegisterValues): InitialState {
  const assignments = assignRegisters(registers);
  const isReal = entry.mode === "real";
  let base = isReal ? BigInt(entry.codeBase) : 0n;
  let rip = BigInt(isReal ? entry.instructionPointer : entry.address);
  let cr0 = 0n;
  for (const assignment of assignments) {
    const { kind, register, value } = assignment;
    if (kind === "segment" && register === "cs" && assignment.field === "base") base = value;
    if (register === "rip") rip = value;
    if (register === "cr0") cr0 = value;
  }
  const address = (cr0 & CR0_PG) === 0n ? Number((base + rip) & 0xffff_ffffn) : undefined;
  return { assignments, entry, address };
}

const ZERO_REGS: Regs = {
  rax: 0n,
  rbx: 0n,
  rcx: 0n,
  rdx: 0n,
  rsi: 0n,
  rdi: 0n,
  rsp: 0n,
  rbp: 0n,
  r8: 0n,
  r9: 0n,
  r10: 0n,
  r11: 0n,
  r12: 0n,
  r13: 0n,
  r14: 0n,
  r15: 0n,
  rip: 0n,
  rflags: 2n,
};

/** KVM_SET_SREGS and KVM_SET_REGS with it. */
export function applyInitialState(vcpu: Vcpu, { assignments, entry }: InitialState): void {
  const sregs: Sregs = vcpu.getSregs();
  const regs: Regs = { ...ZERO_REGS };
  applyEntry(entry, sregs, regs);
  for (const assignment of assignments) {
    if (assignment.kind === "general") regs[assignment.register] = assignment.value;
    else if (assignment.kind === "control") sregs[assignment.register] = assignment.value;
    else if (assignment.field === "base") sregs[assignment.register].base = assignment.value;
    else sregs[assignment.register][assignment.field] = Number(assignment.value);
  }
  vcpu.setSregs(sregs);
  vcpu.setRegs(regs);
}

/** Type fields of code and data segments that were accessed: execute and read, read and write (SDM Vol 3A 3.4.5.1). */
const CODE = 11;
const DATA = 3;

const flatSegment = (selector: number, type: number): Segment => ({
  base: 0n,
  limit: 0xffff_ffff,
  selector,
  type,
  present: 1,
  dpl: 0,
  db: 1,
  s: 1,
  l: 0,
  g: 1,
  avl: 0,
  unusable: 0,
});

function applyEntry(entry: EntryState, sregs: Sregs, regs: Regs): void {
  if (entry.mode === "real") {
    sregs.cs.selector = entry.codeSelector;
    sregs.cs.base = BigInt(entry.codeBase);
    regs.rip = BigInt(entry.instructionPointer);
    return;
  }
  sregs.cr0 = CR0_PROTECTED;
  sregs.cs = flatSegment(0x08, CODE);
  for (const name of ["ds", "es", "fs", "gs", "ss"] as const) sregs[name] = flatSegment(0x10, DATA);
  regs.rip = BigInt(entry.address);
  regs.rax = BigInt(entry.eax);
  regs.rbx = BigInt(entry.ebx);
}
