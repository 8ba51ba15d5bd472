import { ACCESS } from "../mmu.ts";
import type { DataWatch } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";

/** DR6 (SDM Vol 3B, 17.2.3). */
export const DR6 = { bd: 0x2000, bs: 0x4000, bt: 0x8000, fixed: 0xffff0ff0, writable: 0xe00f } as const;
/** DR7 (SDM Vol 3B, 17.2.4). */
export const DR7 = { enabled: 0xff, gd: 0x2000, zero: 0xd000, one: 0x400 } as const;

/** R/W fields of DR7: what a breakpoint breaks on. */
export const BREAK_ON = { execution: 0, write: 1, port: 2, readWrite: 3 } as const;

const CR4_DE = 8;
const LENGTHS: readonly number[] = [1, 2, 8, 4];

export interface Breakpoint {
  readonly number: number;
  readonly address: bigint;
  readonly length: number;
  readonly kind: number;
}

/** The armed breakpoints, and which of them the instruction that runs has met. */
export class Breakpoints implements DataWatch {
  readonly #state: CpuState;
  #armed: readonly Breakpoint[] = [];
  #data: readonly Breakpoint[] = [];
  #key = "";
  /** DR6 bits B3:B0 of data breakpoints met since it was last cleared. */
  met = 0;

  constructor(state: CpuState) {
    this.#state = state;
  }

  get isArmed(): boolean {
    return (this.#state.dr7 & DR7.enabled) !== 0;
  }

  get hasData(): boolean {
    return this.#data.length > 0;
  }

  /** Reads the debug registers; true when the set of breakpoints is another one than before. */
  update(): boolean {
    const { dr0, dr1, dr2, dr3, dr7 } = this.#state;
    const key = this.isArmed ? `${dr7}:${dr0}:${dr1}:${dr2}:${dr3}:${this.#state.cr4 & CR4_DE}` : "";
    if (key === this.#key) return false;
    this.#key = key;
    const armed: Breakpoint[] = [];
    [dr0, dr1, dr2, dr3].forEach((address, number) => {
      if ((dr7 & (3 << (number * 2))) === 0) return;
      const kind = (dr7 >> (16 + number * 4)) & 3;
      const length = LENGTHS[(dr7 >> (18 + number * 4)) & 3] as number;
      armed.push({ number, address: address & ~BigInt(length - 1), length, kind });
    });
    this.#armed = armed;
    this.#data = armed.filter(({ kind }) => kind === BREAK_ON.write || kind === BREAK_ON.readWrite);
    return true;
  }

  /** DR6 bits of execution breakpoints at a linear address. */
  atInstruction(linear: bigint): number {
    let bits = 0;
    for (const { number, address, kind } of this.#armed)
      if (kind === BREAK_ON.execution && address === linear) bits |= 1 << number;
    return bits;
  }

  /** DR6 bits of I/O breakpoints that an access to ports meets; they need CR4.DE. */
  atPort(port: number, size: number): number {
    if ((this.#state.cr4 & CR4_DE) === 0) return 0;
    let bits = 0;
    for (const { number, address, kind, length } of this.#armed) {
      const from = Number(address & 0xffffn);
      if (kind === BREAK_ON.port && port < from + length && from < port + size) bits |= 1 << number;
    }
    return bits;
  }

  hasPage(linearLow: number, linearHigh: number): boolean {
    const page = linearOf(linearLow, linearHigh) >> 12n;
    return this.#data.some(({ address }) => address >> 12n === page);
  }

  access(bytes: number, linearLow: number, linearHigh: number, kind: number): void {
    const from = linearOf(linearLow, linearHigh);
    for (const breakpoint of this.#data) {
      if (breakpoint.kind === BREAK_ON.write && kind !== ACCESS.write) continue;
      const { address, length } = breakpoint;
      if (from < address + BigInt(length) && address < from + BigInt(bytes)) this.met |= 1 << breakpoint.number;
    }
  }
}

const linearOf = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** DR0 to DR3, DR6 or DR7. */
export function readDebugRegister(state: CpuState, register: number): bigint {
  if (register === 6) return BigInt(state.dr6 >>> 0);
  if (register === 7) return BigInt(state.dr7 >>> 0);
  return [state.dr0, state.dr1, state.dr2, state.dr3][register] ?? 0n;
}

/** False where the write raises #GP(0): bits 63:32 of DR6 and DR7. */
export function writeDebugRegister(state: CpuState, register: number, value: bigint): boolean {
  if (register >= 6 && value >> 32n !== 0n) return false;
  if (register === 0) state.dr0 = value;
  else if (register === 1) state.dr1 = value;
  else if (register === 2) state.dr2 = value;
  else if (register === 3) state.dr3 = value;
  else if (register === 6) state.dr6 = ((Number(value) & DR6.writable) | DR6.fixed) >>> 0;
  else state.dr7 = ((Number(value) & ~DR7.zero) | DR7.one) >>> 0;
  return true;
}
