import type { HostMemory } from "@likex/host-memory";
import { ARITHMETIC_FLAGS, CODE_MODE, CONTEXT, FPU, RFLAGS, SEGMENT, SEGMENT_SLOT } from "./context.ts";
import { FLAG_KIND } from "./flags.ts";
import { FpuState } from "./fpu-state.ts";

/** A segment register with its hidden part. */
export interface SegmentRegister {
  readonly selector: number;
  /** Linear base, 64 bits. */
  readonly base: bigint;
  /** Highest valid offset, in bytes. */
  readonly limit: number;
  /** In the format of the VMCS: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15, unusable 16 (SDM Vol 3C, 24.4.1). */
  readonly accessRights: number;
}

// Copies: compilers load a field of an imported object anew at each use, and know a constant of the file.
const {
  rip: RIP,
  budget: BUDGET,
  flagRest: FLAG_REST,
  segmentRegisters: SEGMENT_REGISTERS,
  segmentBases: SEGMENT_BASES,
  gpr: GPR,
} = CONTEXT;
const { cr0: AT_CR0, cr4: AT_CR4 } = FPU;
const { cs: CS, ss: SS } = SEGMENT;
const { vm: VM, if: IF } = RFLAGS;
const ACCESS_L = 1 << 13;
const ACCESS_DB = 1 << 14;
const UNUSABLE = 1 << 16;
/** S, code, expand-down and writable, in access rights: what tells a plain data segment. */
const PLAIN_MASK = 0x1e;
const PLAIN_DATA = 0x12;
const CR0_PE = 1;
const CR0_EM = 4;
const CR0_TS = 8;
const CR4_OSFXSR = 0x200;
const EFER_LMA = 1 << 10;
/** Segments that CODE_MODE.flat32 is about, beside CS. */
const FLAT = [SEGMENT.es, SEGMENT.ss, SEGMENT.ds] as const;
const TWO_32 = 2 ** 32;

const joined = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const lowOf = (value: bigint): number => Number(BigInt.asUintN(32, value)) | 0;
const highOf = (value: bigint): number => Number(BigInt.asUintN(64, value) >> 32n) | 0;

/** The architectural registers: those that emitted code uses are in the context block, the others are fields here. */
export class CpuState {
  readonly contextAddress: number;
  readonly #i32: Int32Array;
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;
  readonly #arithmeticFlags: () => number;
  // Places in `#i32`: accessors as short as this are part of whoever calls them.
  readonly #ripAt: number;
  readonly #budgetAt: number;
  readonly #flagRestAt: number;
  readonly #stackRightsAt: number;
  /** x87, MMX, SSE and AVX state. */
  readonly fpu: FpuState;
  #efer = 0;
  #codeBits: 16 | 32 | 64 = 16;
  cr3 = 0n;
  /** Rights of the protection keys. To change it use `Cpu.writePkru`, which tells the Mmu. */
  pkru = 0;
  cr8 = 0;
  dr0 = 0n;
  dr1 = 0n;
  dr2 = 0n;
  dr3 = 0n;
  dr6 = 0xffff0ff0;
  #dr7 = 0x400;
  #interruptShadow = 0;
  #halted = false;
  /**
   * Set by whatever changes segments, the mode or DR7, or has something come before the next instruction: a run must look at
   * that before it goes on where the last one stopped.
   */
  needsLook = true;

  constructor(memory: HostMemory, contextAddress: number, arithmeticFlags: () => number) {
    this.contextAddress = contextAddress;
    this.#i32 = memory.i32;
    this.#u32 = memory.u32;
    this.#u64 = memory.u64;
    this.#arithmeticFlags = arithmeticFlags;
    this.#ripAt = (contextAddress + RIP) >> 2;
    this.#budgetAt = (contextAddress + BUDGET) >> 2;
    this.#flagRestAt = (contextAddress + FLAG_REST) >> 2;
    this.#stackRightsAt = this.#segmentAt(SS) + 1;
    this.fpu = new FpuState(memory, contextAddress);
    this.cr0 = 0x60000010;
    this.cr4 = 0;
    this.#slot(SEGMENT_SLOT.flat, 0, 0, -1, -1);
    for (let i = 0; i < 6; i++) this.setSegmentRaw(i, 0, 0, 0, 0xffff, i === CS ? 0x9b : 0x93);
    this.setSegmentRaw(SEGMENT.ldtr, 0, 0, 0, 0xffff, 0x82);
    this.setSegmentRaw(SEGMENT.tr, 0, 0, 0, 0xffff, 0x8b);
    this.rflagsNumber = RFLAGS.fixed;
    this.gdtrLimit = 0xffff;
    this.idtrLimit = 0xffff;
  }

  /** Control registers are kept in the context, where instructions look whether they may use the floating-point unit. */
  get cr0(): number {
    return this.#u32[(this.contextAddress + AT_CR0) >> 2] as number;
  }

  set cr0(value: number) {
    const modeChanges = ((value ^ this.cr0) & CR0_PE) !== 0;
    this.#u32[(this.contextAddress + AT_CR0) >> 2] = value;
    this.#updateSseFault();
    if (modeChanges) this.refreshSegments();
  }

  get cr4(): number {
    return this.#u32[(this.contextAddress + AT_CR4) >> 2] as number;
  }

  set cr4(value: number) {
    this.#u32[(this.contextAddress + AT_CR4) >> 2] = value;
    this.#updateSseFault();
  }

  /** SDM Vol 3A, table 14-1: #UD before #NM. */
  #updateSseFault(): void {
    const { cr0, cr4 } = this;
    const undefinedOpcode = (cr0 & CR0_EM) !== 0 || (cr4 & CR4_OSFXSR) === 0;
    const fault = undefinedOpcode ? 6 : (cr0 & CR0_TS) !== 0 ? 7 : 0;
    this.#u32[(this.contextAddress + FPU.sseFault) >> 2] = fault;
  }

  /** Bit 0: blocked by STI, bit 1: blocked by MOV SS, for one more instruction (SDM Vol 3C, table 24-3). */
  get interruptShadow(): number {
    return this.#interruptShadow;
  }

  set interruptShadow(value: number) {
    this.#interruptShadow = value;
    if (value !== 0) this.needsLook = true;
  }

  /** RFLAGS.IF, at its place, and `interruptShadow`. */
  get interruptState(): number {
    return (this.flagRest & IF) | this.#interruptShadow;
  }

  /** HLT has been executed. */
  get halted(): boolean {
    return this.#halted;
  }

  set halted(value: boolean) {
    this.#halted = value;
    if (value) this.needsLook = true;
  }

  get dr7(): number {
    return this.#dr7;
  }

  set dr7(value: number) {
    this.#dr7 = value;
    this.needsLook = true;
  }

  /** CR2 as two int32. */
  get cr2Low(): number {
    return this.#field(CONTEXT.cr2);
  }

  get cr2High(): number {
    return this.#field(CONTEXT.cr2 + 4);
  }

  setCr2Pair(low: number, high: number): void {
    this.#setField(CONTEXT.cr2, low);
    this.#setField(CONTEXT.cr2 + 4, high);
  }

  get cr2(): bigint {
    return joined(this.cr2Low, this.cr2High);
  }

  set cr2(value: bigint) {
    this.setCr2Pair(lowOf(value), highOf(value));
  }

  /** NMIs are blocked until the next IRET. */
  get nmiBlocked(): boolean {
    return this.#field(CONTEXT.nmiBlocked) !== 0;
  }

  set nmiBlocked(value: boolean) {
    this.#setField(CONTEXT.nmiBlocked, value ? 1 : 0);
  }

  /** Bases of GDTR and IDTR as two int32 each. */
  get gdtrBaseLow(): number {
    return this.#field(CONTEXT.gdtrBase);
  }

  get gdtrBaseHigh(): number {
    return this.#field(CONTEXT.gdtrBase + 4);
  }

  get idtrBaseLow(): number {
    return this.#field(CONTEXT.idtrBase);
  }

  get idtrBaseHigh(): number {
    return this.#field(CONTEXT.idtrBase + 4);
  }

  setGdtr(baseLow: number, baseHigh: number, limit: number): void {
    this.#setField(CONTEXT.gdtrBase, baseLow);
    this.#setField(CONTEXT.gdtrBase + 4, baseHigh);
    this.#setField(CONTEXT.gdtrLimit, limit);
  }

  setIdtr(baseLow: number, baseHigh: number, limit: number): void {
    this.#setField(CONTEXT.idtrBase, baseLow);
    this.#setField(CONTEXT.idtrBase + 4, baseHigh);
    this.#setField(CONTEXT.idtrLimit, limit);
  }

  /** Limit of the global descriptor table: offset of its last byte. */
  get gdtrLimit(): number {
    return this.#field(CONTEXT.gdtrLimit);
  }

  set gdtrLimit(value: number) {
    this.#setField(CONTEXT.gdtrLimit, value);
  }

  get idtrLimit(): number {
    return this.#field(CONTEXT.idtrLimit);
  }

  set idtrLimit(value: number) {
    this.#setField(CONTEXT.idtrLimit, value);
  }

  /** Linear base of the global descriptor table, 64 bits. */
  get gdtrBase(): bigint {
    return joined(this.gdtrBaseLow, this.gdtrBaseHigh);
  }

  set gdtrBase(value: bigint) {
    this.setGdtr(lowOf(value), highOf(value), this.gdtrLimit);
  }

  /** Linear base of the interrupt descriptor table, 64 bits. */
  get idtrBase(): bigint {
    return joined(this.idtrBaseLow, this.idtrBaseHigh);
  }

  set idtrBase(value: bigint) {
    this.setIdtr(lowOf(value), highOf(value), this.idtrLimit);
  }

  #field(offset: number): number {
    return this.#i32[(this.contextAddress + offset) >> 2] as number;
  }

  #setField(offset: number, value: number): void {
    this.#i32[(this.contextAddress + offset) >> 2] = value;
  }

  /** Extended control register 0. */
  get xcr0(): bigint {
    return BigInt(this.fpu.xcr0 >>> 0);
  }

  set xcr0(value: bigint) {
    this.fpu.xcr0 = Number(value & 0xffff_ffffn);
  }

  get efer(): number {
    return this.#efer;
  }

  set efer(value: number) {
    const modeChanges = ((value ^ this.#efer) & EFER_LMA) !== 0;
    this.#efer = value;
    if (modeChanges) this.refreshSegments();
  }

  /** General register 0..15 in hardware order. */
  getRegister(index: number): bigint {
    return this.#u64[(this.contextAddress + GPR + index * 8) >> 3] as bigint;
  }

  setRegister(index: number, value: bigint): void {
    this.#u64[(this.contextAddress + GPR + index * 8) >> 3] = value;
  }

  /** Low 32 bits of a general register. */
  registerLow(index: number): number {
    return this.#u32[(this.contextAddress + GPR + index * 8) >> 2] as number;
  }

  /** Bits 63:32 of a general register, as int32. */
  registerHigh(index: number): number {
    return this.#i32[(this.contextAddress + GPR + index * 8 + 4) >> 2] as number;
  }

  /** Sets a general register from two int32. */
  setRegisterPair(index: number, low: number, high: number): void {
    const at = (this.contextAddress + GPR + index * 8) >> 2;
    this.#i32[at] = low;
    this.#i32[at + 1] = high;
  }

  /** RIP as two int32. */
  get ripLow(): number {
    return this.#i32[this.#ripAt] as number;
  }

  get ripHigh(): number {
    return this.#i32[this.#ripAt + 1] as number;
  }

  setRipPair(low: number, high: number): void {
    this.#i32[this.#ripAt] = low;
    this.#i32[this.#ripAt + 1] = high;
  }

  isAt(ripLow: number, ripHigh: number): boolean {
    return this.ripLow === ripLow && this.ripHigh === ripHigh;
  }

  /**
   * Moves RIP behind an instruction of so many bytes, which ends an interrupt shadow; false where the low half would overflow,
   * and then nothing has happened.
   */
  skip(bytes: number): boolean {
    const before = this.ripLow;
    const low = (before + bytes) | 0;
    if (before < 0 && low >= 0) return false;
    this.#i32[this.#ripAt] = low;
    this.#interruptShadow = 0;
    return true;
  }

  get rip(): bigint {
    return this.#u64[(this.contextAddress + RIP) >> 3] as bigint;
  }

  set rip(value: bigint) {
    this.#u64[(this.contextAddress + RIP) >> 3] = value;
  }

  /** RIP as a number: exact below 2^53. */
  get ripNumber(): number {
    const at = (this.contextAddress + RIP) >> 2;
    return (this.#u32[at + 1] as number) * 0x100000000 + (this.#u32[at] as number);
  }

  set ripNumber(value: number) {
    const at = (this.contextAddress + RIP) >> 2;
    this.#u32[at] = value >>> 0;
    this.#u32[at + 1] = Math.floor(value / 0x100000000);
  }

  /** Instructions that may still be executed: what the last run() left of its budget. */
  get budgetLeft(): number {
    return this.#i32[this.#budgetAt] as number;
  }

  set budgetLeft(value: number) {
    this.#i32[this.#budgetAt] = value;
  }

  get rflags(): bigint {
    return BigInt(this.rflagsNumber);
  }

  set rflags(value: bigint) {
    this.rflagsNumber = Number(BigInt.asUintN(32, value));
  }

  /** RFLAGS, whose defined bits are all below bit 22. */
  get rflagsNumber(): number {
    return (this.#arithmeticFlags() | this.flagRest | RFLAGS.fixed) >>> 0;
  }

  set rflagsNumber(value: number) {
    const at = this.contextAddress;
    const rest = value & ~ARITHMETIC_FLAGS & ~RFLAGS.fixed;
    const modeChanges = ((rest ^ this.flagRest) & VM) !== 0;
    this.#i32[(at + CONTEXT.flagOperation) >> 2] = FLAG_KIND.explicit;
    // Both halves by number: a bigint would cost more than all the rest.
    this.#i32[(at + CONTEXT.flagSource) >> 2] = value & ARITHMETIC_FLAGS;
    this.#i32[(at + CONTEXT.flagSource + 4) >> 2] = 0;
    this.#i32[this.#flagRestAt] = rest;
    if (modeChanges) this.refreshSegments();
  }

  /** The RFLAGS bits that are not arithmetic. */
  get flagRest(): number {
    return this.#i32[this.#flagRestAt] as number;
  }

  /** Sets and clears RFLAGS bits that are not arithmetic; not VM. */
  changeFlagRest(clear: number, set: number): void {
    this.#i32[this.#flagRestAt] = (this.flagRest & ~clear) | set;
  }

  getSegment(index: number): SegmentRegister {
    return {
      selector: this.segmentSelector(index),
      base: this.segmentBase(index),
      limit: this.segmentLimit(index),
      accessRights: this.segmentAccessRights(index),
    };
  }

  setSegment(index: number, segment: SegmentRegister): void {
    const low = Number(BigInt.asIntN(32, segment.base));
    const high = Number(segment.base >> 32n) | 0;
    this.setSegmentRaw(index, segment.selector, low, high, segment.limit, segment.accessRights);
  }

  /** Sets a segment register without allocating: base as two int32, limit in bytes. Index: ES CS SS DS FS GS LDTR TR. */
  setSegmentRaw(
    index: number,
    selector: number,
    baseLow: number,
    baseHigh: number,
    limit: number,
    accessRights: number,
  ): void {
    const at = this.#segmentAt(index);
    this.#u32[at] = selector;
    this.#u32[at + 1] = accessRights;
    this.#u32[at + 2] = limit;
    this.#i32[this.#baseAt(index)] = baseLow;
    this.#i32[this.#baseAt(index) + 1] = baseHigh;
    this.refreshSegments(index);
  }

  segmentSelector(index: number): number {
    return this.#u32[this.#segmentAt(index)] as number;
  }

  segmentAccessRights(index: number): number {
    return this.#u32[this.#segmentAt(index) + 1] as number;
  }

  segmentLimit(index: number): number {
    return this.#u32[this.#segmentAt(index) + 2] as number;
  }

  /** Linear base, 64 bits. */
  segmentBase(index: number): bigint {
    return this.#u64[this.#baseAt(index) >> 1] as bigint;
  }

  /** Sets the base and leaves the rest. */
  setSegmentBase(index: number, base: bigint): void {
    this.#u64[this.#baseAt(index) >> 1] = base;
    this.refreshSegments(index);
  }

  segmentBaseLow(index: number): number {
    return this.#i32[this.#baseAt(index)] as number;
  }

  segmentBaseHigh(index: number): number {
    return this.#i32[this.#baseAt(index) + 1] as number;
  }

  /** Default operand and address size of code: CS.L under IA-32e mode, else CS.D. */
  get codeBits(): 16 | 32 | 64 {
    return this.#codeBits;
  }

  #deriveCodeBits(): 16 | 32 | 64 {
    const rights = this.segmentAccessRights(CS);
    if ((this.efer & EFER_LMA) !== 0 && (rights & ACCESS_L) !== 0) return 64;
    return (rights & ACCESS_DB) !== 0 ? 32 : 16;
  }

  get isRealMode(): boolean {
    return (this.cr0 & CR0_PE) === 0;
  }

  get isVirtual8086(): boolean {
    return (this.flagRest & VM) !== 0 && !this.isRealMode;
  }

  /** IA-32e mode: 64-bit or compatibility. */
  get isLongMode(): boolean {
    return (this.#efer & EFER_LMA) !== 0;
  }

  /** Current privilege level: SS.DPL in every mode, as VMX keeps it (SDM Vol 3C, "Guest Register State"). */
  get cpl(): number {
    return ((this.#i32[this.#stackRightsAt] as number) >> 5) & 3;
  }

  get iopl(): number {
    return (this.flagRest >> 12) & 3;
  }

  /** Brings what emitted code sees of the segments up to date; call it after CS, EFER or the mode changed. */
  refreshSegments(changed?: number): void {
    this.needsLook = true;
    if (changed === undefined) for (let i = 0; i < 6; i++) this.#refresh(i);
    else if (changed < 6) this.#refresh(changed);
    const before = this.#codeBits;
    const bits = this.#deriveCodeBits();
    this.#codeBits = bits;
    const isAll = changed === undefined || bits !== before;
    if (isAll || changed === SS) {
      this.#copySlot(bits === 64 ? SEGMENT_SLOT.flat : SS, SEGMENT_SLOT.stack);
      const stackBits = bits === 64 ? 64 : (this.segmentAccessRights(SS) & ACCESS_DB) !== 0 ? 32 : 16;
      this.#i32[(this.contextAddress + CONTEXT.stackShift) >> 2] = 64 - stackBits;
      const kept = (this.contextAddress + CONTEXT.stackKept) >> 2;
      this.#i32[kept] = stackBits === 16 ? ~0xffff : 0;
      this.#i32[kept + 1] = stackBits === 16 ? -1 : 0;
    }
    if (isAll || changed === SEGMENT.es)
      this.#copySlot(bits === 64 ? SEGMENT_SLOT.flat : SEGMENT.es, SEGMENT_SLOT.destination);
    const isFlat = bits === 32 && this.#isFlat32();
    this.#i32[(this.contextAddress + CONTEXT.codeMode) >> 2] =
      bits === 64 ? CODE_MODE.long : isFlat ? CODE_MODE.flat32 : CODE_MODE.other;
  }

  #isFlat32(): boolean {
    const stackShift = this.#i32[(this.contextAddress + CONTEXT.stackShift) >> 2];
    if (stackShift !== 32 || this.segmentBaseLow(SEGMENT.cs) !== 0 || this.segmentLimit(SEGMENT.cs) !== TWO_32 - 1)
      return false;
    for (const index of FLAT) {
      const at = this.#slotAt(index);
      if (this.#i32[at] !== 0 || this.#i32[at + 2] !== 0 || this.#i32[at + 3] !== 1) return false;
    }
    return true;
  }

  #refresh(index: number): void {
    const low = this.segmentBaseLow(index);
    const high = this.segmentBaseHigh(index);
    const end = this.#fastEnd(index, low, high);
    this.#slot(index, low, high, end | 0, end >= TWO_32 ? 1 : 0);
    if (index === SEGMENT.fs) this.#slot(SEGMENT_SLOT.fs64, low, high, -1, -1);
    if (index === SEGMENT.gs) this.#slot(SEGMENT_SLOT.gs64, low, high, -1, -1);
  }

  /** First offset that needs the slow path: 0 where every access does. */
  #fastEnd(index: number, baseLow: number, baseHigh: number): number {
    const rights = this.segmentAccessRights(index);
    const isPlain = (rights & PLAIN_MASK) === PLAIN_DATA || this.isRealMode || this.isVirtual8086;
    if ((rights & UNUSABLE) !== 0 || !isPlain || baseHigh !== 0) return 0;
    // Beyond the top of the 32-bit linear address space addresses wrap around.
    return Math.min(this.segmentLimit(index) + 1, TWO_32 - (baseLow >>> 0));
  }

  #slot(slot: number, baseLow: number, baseHigh: number, endLow: number, endHigh: number): void {
    const at = this.#slotAt(slot);
    this.#i32[at] = baseLow;
    this.#i32[at + 1] = baseHigh;
    this.#i32[at + 2] = endLow;
    this.#i32[at + 3] = endHigh;
  }

  #copySlot(from: number, to: number): void {
    const source = this.#slotAt(from);
    const destination = this.#slotAt(to);
    // Element by element: for so few copyWithin takes longer than a whole event.
    for (let i = 0; i < 4; i++) this.#i32[destination + i] = this.#i32[source + i] as number;
  }

  #slotAt(slot: number): number {
    return (this.contextAddress + CONTEXT.segments + slot * 16) >> 2;
  }

  #segmentAt(index: number): number {
    return (this.contextAddress + SEGMENT_REGISTERS + index * 16) >> 2;
  }

  #baseAt(index: number): number {
    return (this.contextAddress + SEGMENT_BASES + index * 8) >> 2;
  }
}
