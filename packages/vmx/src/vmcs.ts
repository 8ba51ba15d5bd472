import { INTERRUPTION_INFO } from "./controls.ts";
import type { VmxMemory } from "./processor.ts";
import { VMCS_OFFSET, VMCS_REGION } from "./vmcs-fields.ts";
import { SLOT } from "./vmcs-slots.ts";

const REASON = VMCS_OFFSET.VM_EXIT_REASON >> 2;
const QUALIFICATION = VMCS_OFFSET.EXIT_QUALIFICATION >> 2;
const LENGTH = VMCS_OFFSET.VM_EXIT_INSTRUCTION_LEN >> 2;
const INTR_INFO = VMCS_OFFSET.VM_EXIT_INTR_INFO >> 2;
const IDT_INFO = VMCS_OFFSET.IDT_VECTORING_INFO >> 2;
const ENTRY_INTR_INFO = VMCS_OFFSET.VM_ENTRY_INTR_INFO >> 2;
const MSR_STORES = VMCS_OFFSET.VM_EXIT_MSR_STORE_COUNT >> 2;
const MSR_LOADS = VMCS_OFFSET.VM_EXIT_MSR_LOAD_COUNT >> 2;
const NOT_VALID = ~INTERRUPTION_INFO.valid;
const { offset: OFFSET, word: WORD, wide: WIDE } = SLOT;

/**
 * Typed access to the fields of the current VMCS, which lie in its region in host memory. Fields are named by their
 * VMCS_OFFSET, so that an access on the hot path is one typed-array read.
 */
export class Vmcs {
  readonly #u16: Uint16Array;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;
  /** Host-physical address of the region; 0 while there is no current VMCS. */
  #base = 0;
  /**
   * SLOT bits of the fields that are not simply to be found in the region: all without a current VMCS, and those that the
   * processor still holds.
   */
  guard: number = SLOT.present;

  constructor(memory: VmxMemory) {
    this.#u16 = memory.u16;
    this.#u32 = memory.u32;
    this.#u64 = memory.u64;
  }

  get base(): number {
    return this.#base;
  }

  set base(region: number) {
    this.#base = region;
    this.guard = region === 0 ? SLOT.present : 0;
  }

  /** A 16-bit field. */
  word(offset: number): number {
    return this.#u16[(this.#base + offset) >> 1]!;
  }

  setWord(offset: number, value: number): void {
    this.#u16[(this.#base + offset) >> 1] = value;
  }

  /** A 32-bit field, or bits 31:0 of a 64-bit one; unsigned. */
  low(offset: number): number {
    return this.#u32[(this.#base + offset) >> 2]!;
  }

  /** Bits 63:32 of a 64-bit field. */
  high(offset: number): number {
    return this.#u32[((this.#base + offset) >> 2) + 1]!;
  }

  setLow(offset: number, value: number): void {
    this.#u32[(this.#base + offset) >> 2] = value;
  }

  /** Writes a 64-bit field as two halves. */
  setPair(offset: number, low: number, high: number): void {
    const at = (this.#base + offset) >> 2;
    this.#u32[at] = low;
    this.#u32[at + 1] = high;
  }

  /** A 64-bit field as a number: exact below 2^53. */
  number(offset: number): number {
    const at = (this.#base + offset) >> 2;
    return this.#u32[at + 1]! * 0x100000000 + this.#u32[at]!;
  }

  /** Writes a 64-bit field with an integer from 0 to 2^53-1. */
  setNumber(offset: number, value: number): void {
    const at = (this.#base + offset) >> 2;
    this.#u32[at] = value >>> 0;
    this.#u32[at + 1] = value >= 0x100000000 ? Math.floor(value / 0x100000000) : 0;
  }

  wide(offset: number): bigint {
    return this.#u64[(this.#base + offset) >> 3]!;
  }

  setWide(offset: number, value: bigint): void {
    this.#u64[(this.#base + offset) >> 3] = value;
  }

  /** The component of a slot. */
  read(slot: number): bigint {
    const offset = slot & OFFSET;
    if ((slot & WIDE) !== 0) return this.wide(offset);
    return BigInt((slot & WORD) !== 0 ? this.word(offset) : this.low(offset));
  }

  /** Bits 31:0 of the component of a slot. */
  read32(slot: number): number {
    return (slot & WORD) !== 0 ? this.word(slot & OFFSET) : this.low(slot & OFFSET);
  }

  readNumber(slot: number): number {
    return (slot & WIDE) !== 0 ? this.number(slot & OFFSET) : this.read32(slot);
  }

  /** Bits beyond the component's width are ignored, as VMWRITE does. */
  write(slot: number, value: bigint): void {
    const offset = slot & OFFSET;
    if ((slot & WIDE) !== 0) this.setWide(offset, value);
    else if ((slot & WORD) !== 0) this.setWord(offset, Number(value & 0xffffn));
    else this.setLow(offset, Number(value & 0xffffffffn));
  }

  writeNumber(slot: number, value: number): void {
    const offset = slot & OFFSET;
    if ((slot & WIDE) !== 0) this.setNumber(offset, value);
    else if ((slot & WORD) !== 0) this.setWord(offset, value);
    else this.setLow(offset, value);
  }

  get launched(): boolean {
    return this.#u32[(this.#base + VMCS_REGION.launchState) >> 2] !== 0;
  }

  set launched(launched: boolean) {
    this.#u32[(this.#base + VMCS_REGION.launchState) >> 2] = launched ? 1 : 0;
  }

  get session(): number {
    return this.#u32[(this.#base + VMCS_REGION.session) >> 2]!;
  }

  set session(session: number) {
    this.#u32[(this.#base + VMCS_REGION.session) >> 2] = session;
  }

  /** The VM-exit MSR areas have an entry. */
  get hasExitMsrs(): boolean {
    const at = this.#base >> 2;
    return (this.#u32[at + MSR_STORES]! | this.#u32[at + MSR_LOADS]!) !== 0;
  }

  /**
   * The exit-information fields that every VM exit sets; interruption and IDT-vectoring information start as not valid, and
   * the event that the entry injected is one no longer.
   */
  recordExit(reason: number, qualification: number, instructionLength: number): void {
    const at = this.#base >> 2;
    const u32 = this.#u32;
    u32[at + REASON] = reason;
    u32[at + QUALIFICATION] = qualification;
    u32[at + QUALIFICATION + 1] = 0;
    u32[at + LENGTH] = instructionLength;
    u32[at + INTR_INFO] = 0;
    u32[at + IDT_INFO] = 0;
    u32[at + ENTRY_INTR_INFO] = u32[at + ENTRY_INTR_INFO]! & NOT_VALID;
  }
}
