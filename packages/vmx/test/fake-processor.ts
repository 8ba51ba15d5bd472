import { createStopDetails, STOP, type StopDetails } from "@likex/cpu-executor";
import type { MmuConfiguration, VmxCpu, VmxEvent, VmxMemory, VmxMmu } from "../src/index.ts";

export class FakeMemory implements VmxMemory {
  readonly bytes = 0x40000;
  readonly #buffer: ArrayBuffer = new ArrayBuffer(this.bytes);
  readonly u8: Uint8Array = new Uint8Array(this.#buffer);
  readonly u16: Uint16Array = new Uint16Array(this.#buffer);
  readonly u32: Uint32Array = new Uint32Array(this.#buffer);
  readonly u64: BigUint64Array = new BigUint64Array(this.#buffer);
}

export class FakeMmu implements VmxMmu {
  stopReason = 48;
  qualification = 0;
  guestPhysicalAddress = 0;
  guestLinearLow = 0;
  guestLinearHigh = 0;
  readonly configurations: MmuConfiguration[] = [];
  readonly pdpteHalves: number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  /** What loadPdptes returns, and the CR3 values that it was called with. */
  pdpteLoad = 0;
  readonly pdpteTables: number[] = [];

  configure(configuration: MmuConfiguration): void {
    this.configurations.push({ ...configuration });
  }

  loadPdptes(cr3Low: number): number {
    this.pdpteTables.push(cr3Low);
    return this.pdpteLoad;
  }

  pdpteHalf(index: number): number {
    return this.pdpteHalves[index] as number;
  }

  setPdpteHalf(index: number, value: number): void {
    this.pdpteHalves[index] = value;
  }
}

/** One scripted stop: changes the processor as the guest would and returns a STOP. */
export type Step = (cpu: FakeCpu) => number;

interface Segment {
  selector: number;
  baseLow: number;
  baseHigh: number;
  limit: number;
  accessRights: number;
}

/** A processor that runs a script instead of instructions. Without a script it uses up its budget. */
export class FakeCpu implements VmxCpu {
  readonly stop: StopDetails = createStopDetails();
  readonly registers: BigUint64Array = new BigUint64Array(16);
  readonly segments: Segment[] = Array.from({ length: 8 }, () => ({
    selector: 0,
    baseLow: 0,
    baseHigh: 0,
    limit: 0,
    accessRights: 0,
  }));
  instructionsRetired = 0;
  budgetLeft = 0;
  rip = 0n;
  rflagsNumber = 2;
  gdtrBase = 0n;
  gdtrLimit = 0;
  idtrBase = 0n;
  idtrLimit = 0;
  cr0 = 0;
  cr2 = 0n;
  cr3 = 0n;
  cr4 = 0;
  cr8 = 0;
  efer = 0;
  dr0 = 0n;
  dr1 = 0n;
  dr2 = 0n;
  dr3 = 0n;
  dr6 = 0xffff0ff0;
  dr7 = 0x400;
  interruptShadow = 0;
  windowRequest = 0;
  pendingDebug = 0;
  nmiBlocked = false;
  readonly intercepts: Uint8Array = new Uint8Array(64);
  exceptionBitmap = 0;
  onTranslationChange: (() => void) | undefined;
  readonly msrState: VmxCpu["msrState"] = {
    star: 0n,
    lstar: 0n,
    cstar: 0n,
    fmask: 0n,
    kernelGsBase: 0n,
    tscAux: 0n,
    sysenterCs: 0n,
    sysenterEsp: 0n,
    sysenterEip: 0n,
  };
  flushes = 0;
  readonly script: Step[] = [];
  readonly deliveries: Step[] = [];
  readonly delivered: VmxEvent[] = [];
  readonly budgets: number[] = [];

  run(budget: number): number {
    this.budgets.push(budget);
    const step = this.script.shift();
    const before = this.instructionsRetired;
    const stop = step === undefined ? STOP.budget : step(this);
    if (stop === STOP.budget && this.instructionsRetired === before) this.instructionsRetired += budget;
    this.budgetLeft = budget - (this.instructionsRetired - before);
    return stop;
  }

  deliverEvent(event: VmxEvent): number {
    this.delivered.push({ ...event });
    return this.deliveries.shift()?.(this) ?? STOP.budget;
  }

  get ripLow(): number {
    return Number(BigInt.asIntN(32, this.rip));
  }

  get ripHigh(): number {
    return Number(BigInt.asIntN(32, this.rip >> 32n));
  }

  setRipPair(low: number, high: number): void {
    this.rip = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }

  skip(bytes: number): boolean {
    const next = this.rip + BigInt(bytes);
    if (next >> 32n !== this.rip >> 32n) return false;
    this.rip = next;
    this.interruptShadow = 0;
    return true;
  }

  isAt(ripLow: number, ripHigh: number): boolean {
    return this.ripLow === ripLow && this.ripHigh === ripHigh;
  }

  get interruptState(): number {
    return (this.rflagsNumber & 0x200) | this.interruptShadow;
  }

  get flagRest(): number {
    return this.rflagsNumber & ~0x8d7;
  }

  getRegister(index: number): bigint {
    return this.registers[index] as bigint;
  }

  setRegister(index: number, value: bigint): void {
    this.registers[index] = value;
  }

  setSegmentRaw(
    index: number,
    selector: number,
    baseLow: number,
    baseHigh: number,
    limit: number,
    accessRights: number,
  ): void {
    this.segments[index] = { selector, baseLow, baseHigh, limit, accessRights };
  }

  segmentSelector(index: number): number {
    return this.#segment(index).selector;
  }

  segmentBaseLow(index: number): number {
    return this.#segment(index).baseLow;
  }

  segmentBaseHigh(index: number): number {
    return this.#segment(index).baseHigh;
  }

  segmentLimit(index: number): number {
    return this.#segment(index).limit;
  }

  segmentAccessRights(index: number): number {
    return this.#segment(index).accessRights;
  }

  flushTlb(): void {
    this.flushes++;
  }

  #segment(index: number): Segment {
    return this.segments[index] as Segment;
  }
}
