import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { ACCESS, CONTEXT, type Cpu, MMU_RESULT, SEGMENT, STOP } from "../../src/index.ts";
import { type BackEnd, INTERPRETER } from "./back-ends.ts";
import { ldtDescriptor, segmentOfSelector, userGdt } from "./native-descriptors.ts";
import { CODE_PAGE, DATA_PAGES, LDT, LDT_ENTRIES } from "./native-environment.ts";
import { FX_BYTES, type NativeRecords, RECORD } from "./native-record.ts";

const HLT = 0xf4;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
/** Bits of a page fault's error code. */
const [WRITE, USER, FETCH] = [2, 4, 16];
/** EVENT_TYPE of INT n. */
const SOFTWARE_INTERRUPT = 4;
/** EVENT_TYPE of INT1, INT3 and INTO, which are reported behind the instruction. */
const SOFTWARE = 5;

/** More elements than the mapped pages have bytes: a repetition without end stops at a border. */
const MOST_ELEMENTS = 20000;

/** Where descriptor tables and TSS are; only the processor itself may read them. */
const SYSTEM_PAGE = 0x30000000;
const LDT_OFFSET = 0x400;
const TSS_OFFSET = 0x800;
const TSS_LIMIT = 0x67;
const MAP_BASE = 0x66;
const GDT_LIMIT = 0x7f;

/** What of a record says which segments there are: selectors, bits, bases. */
const SEGMENT_FIELDS: readonly number[] = [
  ...[RECORD.selectors, RECORD.selectors + 4, RECORD.selectors + 8, RECORD.bits, RECORD.codeBase],
  ...[RECORD.fsBase, RECORD.fsBase + 4, RECORD.gsBase, RECORD.gsBase + 4],
];

interface MachineOptions {
  /** What XGETBV reads. Default: x87 and SSE. */
  readonly xcr0: bigint;
  /** Default: present. */
  readonly ldt: "present" | "absent";
  /** Default: the interpreter. */
  readonly backEnd: BackEnd;
}

const UNUSABLE = 0x10000;
const LDT_RIGHTS = 0x82;

/** A processor at CPL 3 with the pages and descriptors of the native executions and nothing else. */
export class NativeMachine {
  readonly #memory: HostMemory = HostMemory.create({ bytes: 4 << 20 });
  readonly #frames = new Map<number, number>();
  readonly #code: HostPhysicalAddress;
  readonly #cpu: Cpu;
  readonly #applied: Int32Array = new Int32Array(SEGMENT_FIELDS.length);
  #faultLow = 0;
  #faultHigh = 0;

  constructor({ xcr0 = 3n, ldt = "present", backEnd = INTERPRETER }: Partial<MachineOptions> = {}) {
    for (const page of [CODE_PAGE, ...DATA_PAGES, SYSTEM_PAGE]) this.#frames.set(page, this.#memory.allocateFrame());
    this.#code = this.#frames.get(CODE_PAGE) as HostPhysicalAddress;
    this.#writeTables(this.#frames.get(SYSTEM_PAGE) as number);
    const mmu = {
      hostPage: 0,
      guestPage: 0,
      permissions: ACCESS.read | ACCESS.write | ACCESS.execute,
      pageFaultErrorCode: 0,
      translate: (low: number, high: number, access: number): number => {
        const page = (low & ~0xfff) >>> 0;
        const frame = high === 0 ? this.#frames.get(page) : undefined;
        if (frame === undefined || (page === SYSTEM_PAGE && (access & ACCESS.implicit) === 0)) {
          const write = (access & ACCESS.write) !== 0 ? WRITE : 0;
          mmu.pageFaultErrorCode = USER | write | ((access & ACCESS.execute) !== 0 ? FETCH : 0);
          this.#faultLow = low;
          this.#faultHigh = high;
          return MMU_RESULT.pageFault;
        }
        mmu.hostPage = frame;
        mmu.guestPage = page;
        return MMU_RESULT.ok;
      },
    };
    const cpu = backEnd.createCpu({ memory: this.#memory, mmu });
    cpu.intercepts.fill(0);
    cpu.cr0 = 0x80050033 | 0;
    cpu.cr4 = 0x50620;
    cpu.efer = 0xd01;
    cpu.xcr0 = xcr0;
    cpu.gdtrBase = BigInt(SYSTEM_PAGE);
    cpu.gdtrLimit = GDT_LIMIT;
    cpu.idtrLimit = 0;
    const rights = ldt === "present" ? LDT_RIGHTS : UNUSABLE;
    cpu.setSegmentRaw(SEGMENT.ldtr, 0x58, SYSTEM_PAGE + LDT_OFFSET, 0, LDT_ENTRIES * 8 - 1, rights);
    cpu.setSegmentRaw(SEGMENT.tr, 0x40, SYSTEM_PAGE + TSS_OFFSET, 0, TSS_LIMIT, 0x8b);
    this.#cpu = cpu;
  }

  #writeTables(page: number): void {
    const { u64, u16 } = this.#memory;
    userGdt().forEach((value, i) => {
      u64[(page >> 3) + i] = value;
    });
    LDT.forEach((segment, i) => {
      u64[((page + LDT_OFFSET) >> 3) + i + 1] = ldtDescriptor(segment);
    });
    u16[(page + TSS_OFFSET + MAP_BASE) >> 1] = 0xffff;
  }

  /** Executes one instruction, with all its repetitions; `into` becomes what a real processor's record would. */
  execute(records: NativeRecords, i: number, into: NativeRecords, j: number): void {
    const cpu = this.#cpu;
    const { i32 } = this.#memory;
    const from = (i * RECORD.size) >> 2;
    const to = (j * RECORD.size) >> 2;
    into.i32.set(records.i32.subarray(from, from + RECORD.size / 4), to);
    const length = records.get(i, RECORD.codeLength);
    const landing = records.get(i, RECORD.landing);
    this.#placeCode(records, i, length, landing);
    this.#placeData(records, i);
    this.#applySegments(records, i);
    const gpr = (cpu.contextAddress + CONTEXT.gpr) >> 2;
    i32.set(records.i32.subarray(from, from + 32), gpr);
    const fx = i * RECORD.size + RECORD.fx;
    cpu.fpu.load(records.u8.subarray(fx, fx + FX_BYTES));
    cpu.rflagsNumber = records.get(i, RECORD.rflags);
    const start = records.get(i, RECORD.ip) >>> 0;
    cpu.ripNumber = start;
    cpu.interruptShadow = 0;
    cpu.pendingDebug = 0;
    const stop = cpu.run(MOST_ELEMENTS);
    this.#report(stop, start, length, landing, into, j);
    into.i32.set(i32.subarray(gpr, gpr + 32), to);
    into.set(j, RECORD.rflags, cpu.rflagsNumber);
    into.u8.set(cpu.fpu.save().subarray(0, FX_BYTES), j * RECORD.size + RECORD.fx);
    this.#readData(into, j);
    this.#readSegments(into, j);
  }

  #placeCode(records: NativeRecords, i: number, length: number, landing: number): void {
    const { u8 } = this.#memory;
    const code = i * RECORD.size + RECORD.code;
    this.#memory.noteWrite(this.#code);
    u8.set(records.u8.subarray(code, code + length), this.#code);
    u8[this.#code + length] = HLT;
    if (landing !== 0) u8[this.#code + landing] = HLT;
  }

  /** Zeroes the pages that the region is in and copies the region. */
  #placeData(records: NativeRecords, i: number): void {
    this.#eachPart(records, i, (host, at, bytes) => {
      const page = host & ~0xfff;
      this.#memory.u8.fill(0, page, page + 4096);
      this.#memory.u8.set(records.u8.subarray(at, at + bytes), host);
    });
  }

  #readData(records: NativeRecords, i: number): void {
    this.#eachPart(records, i, (host, at, bytes) => {
      records.u8.set(this.#memory.u8.subarray(host, host + bytes), at);
    });
  }

  #eachPart(records: NativeRecords, i: number, visit: (host: number, at: number, bytes: number) => void): void {
    const region = records.get(i, RECORD.region);
    const end = records.get(i, RECORD.regionTo);
    for (let at = records.get(i, RECORD.regionFrom); at < end; ) {
      const linear = region + at;
      const bytes = Math.min(end - at, 4096 - (linear & 0xfff));
      const host = (this.#frames.get(linear & ~0xfff) as number) + (linear & 0xfff);
      visit(host, i * RECORD.size + RECORD.memory + at, bytes);
      at += bytes;
    }
  }

  /** Loads the segment registers, unless they hold what they should. */
  #applySegments(records: NativeRecords, i: number): void {
    const cpu = this.#cpu;
    const applied = this.#applied;
    let isSame = true;
    for (let n = 0; n < SEGMENT_FIELDS.length; n++) {
      const value = records.get(i, SEGMENT_FIELDS[n] as number);
      if (applied[n] !== value) isSame = false;
      applied[n] = value;
    }
    if (isSame) return;
    for (let n = 0; n < 6; n++) {
      const selector = records.u16[((i * RECORD.size + RECORD.selectors) >> 1) + n] as number;
      const { base, limit, rights } = segmentOfSelector(selector);
      cpu.setSegmentRaw(n, selector, base | 0, 0, limit, rights);
    }
    if (records.get(i, RECORD.bits) === 64) {
      this.#setBase(SEGMENT.fs, records, i, RECORD.fsBase);
      this.#setBase(SEGMENT.gs, records, i, RECORD.gsBase);
    }
    cpu.refreshSegments();
  }

  #setBase(register: number, records: NativeRecords, i: number, field: number): void {
    const [low, high] = [records.get(i, field), records.get(i, field + 4)];
    this.#cpu.setSegmentBase(register, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
  }

  #readSegments(into: NativeRecords, j: number): void {
    const cpu = this.#cpu;
    for (let n = 0; n < 6; n++) into.u16[((j * RECORD.size + RECORD.selectors) >> 1) + n] = cpu.segmentSelector(n);
    into.set(j, RECORD.fsBase, cpu.segmentBaseLow(SEGMENT.fs));
    into.set(j, RECORD.fsBase + 4, cpu.segmentBaseHigh(SEGMENT.fs));
    into.set(j, RECORD.gsBase, cpu.segmentBaseLow(SEGMENT.gs));
    into.set(j, RECORD.gsBase + 4, cpu.segmentBaseHigh(SEGMENT.gs));
    // What the instruction changed must be loaded again for the next one.
    for (let n = 0; n < SEGMENT_FIELDS.length; n++) {
      if (into.get(j, SEGMENT_FIELDS[n] as number) !== this.#applied[n]) this.#applied[0] = -1;
    }
  }

  /** An INT n stops as itself when its delivery fails; repeated, it says how. */
  #deliverSoftwareInterrupt(): void {
    const { vector, eventType: type, instructionLength } = this.#cpu.stop;
    this.#cpu.deliverEvent({ vector, type, errorCode: -1, instructionLength });
  }

  /** Trap, error code, instruction pointer and fault address. */
  #report(stop: number, start: number, length: number, landing: number, into: NativeRecords, j: number): void {
    const cpu = this.#cpu;
    const ip = cpu.ripNumber;
    into.set(j, RECORD.ip, ip);
    if (stop !== STOP.exception) {
      into.set(j, RECORD.trap, 1000 + stop);
      return;
    }
    if (cpu.stop.eventType === SOFTWARE_INTERRUPT) this.#deliverSoftwareInterrupt();
    const { vector, errorCode, eventType, instructionLength } = cpu.stop;
    // At CPL 3 the HLT behind the instruction, or where it branches to, raises #GP.
    const halted = ip === start + length || (landing !== 0 && ip === start + landing);
    if (vector === GENERAL_PROTECTION && halted) return;
    into.set(j, RECORD.trap, vector + 1);
    into.set(j, RECORD.errorCode, Math.max(errorCode, 0));
    if (eventType >= SOFTWARE) into.set(j, RECORD.ip, ip + instructionLength);
    if (vector !== PAGE_FAULT) return;
    into.set(j, RECORD.faultAddress, this.#faultLow);
    into.set(j, RECORD.faultAddress + 4, this.#faultHigh);
  }
}
