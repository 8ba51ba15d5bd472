import type { Regs, Sregs, Vcpu } from "@likex/kvm-client";
import type { RealModeEntry } from "@likex/loaders";
import { assignRegisters, type RegisterAssignment, type RegisterValues } from "./registers.ts";

const CR0_PG = 1n << 31n;

/** The checked state of the vCPU before its first instruction. */
export interface InitialState {
  readonly assignments: readonly RegisterAssignment[];
  readonly entry: RealModeEntry;
  /** Guest-physical address of the first instruction; undefined when the registers turn paging on. */
  readonly address: number | undefined;
}

/** @throws UnknownRegisterError, InvalidRegisterValueError. */
export function initialState(entry: RealModeEntry, registers: RegisterValues): InitialState {
  const assignments = assignRegisters(registers);
  let base = BigInt(entry.codeBase);
  let rip = BigInt(entry.instructionPointer);
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
  sregs.cs.selector = entry.codeSelector;
  sregs.cs.base = BigInt(entry.codeBase);
  const regs: Regs = { ...ZERO_REGS, rip: BigInt(entry.instructionPointer) };
  for (const assignment of assignments) {
    if (assignment.kind === "general") regs[assignment.register] = assignment.value;
    else if (assignment.kind === "control") sregs[assignment.register] = assignment.value;
    else if (assignment.field === "base") sregs[assignment.register].base = assignment.value;
    else sregs[assignment.register][assignment.field] = Number(assignment.value);
  }
  vcpu.setSregs(sregs);
  vcpu.setRegs(regs);
}
