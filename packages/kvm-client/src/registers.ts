import { kvm_regs, sizeOf } from "@likex/kvm-abi";

/** The general registers of `struct kvm_regs`: unsigned 64-bit values. */
export interface Regs {
  rax: bigint;
  rbx: bigint;
  rcx: bigint;
  rdx: bigint;
  rsi: bigint;
  rdi: bigint;
  rsp: bigint;
  rbp: bigint;
  r8: bigint;
  r9: bigint;
  r10: bigint;
  r11: bigint;
  r12: bigint;
  r13: bigint;
  r14: bigint;
  r15: bigint;
  rip: bigint;
  rflags: bigint;
}

/** `sizeof(struct kvm_regs)`. */
export const REGS_BYTES: number = sizeOf(kvm_regs);

/** Names of the general registers, in the order of `struct kvm_regs`. */
export const REGS_NAMES = [
  "rax",
  "rbx",
  "rcx",
  "rdx",
  "rsi",
  "rdi",
  "rsp",
  "rbp",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
  "rip",
  "rflags",
] as const;

/** Reads a `struct kvm_regs`. */
export function decodeRegs(bytes: Uint8Array): Regs {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u64 = (index: number): bigint => view.getBigUint64(8 * index, true);
  return {
    rax: u64(0),
    rbx: u64(1),
    rcx: u64(2),
    rdx: u64(3),
    rsi: u64(4),
    rdi: u64(5),
    rsp: u64(6),
    rbp: u64(7),
    r8: u64(8),
    r9: u64(9),
    r10: u64(10),
    r11: u64(11),
    r12: u64(12),
    r13: u64(13),
    r14: u64(14),
    r15: u64(15),
    rip: u64(16),
    rflags: u64(17),
  };
}

/** Writes a `struct kvm_regs` over `bytes`; each value is taken modulo 2^64. */
export function encodeRegs(regs: Regs, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < REGS_NAMES.length; index++) {
    view.setBigUint64(8 * index, regs[REGS_NAMES[index]!], true);
  }
}
