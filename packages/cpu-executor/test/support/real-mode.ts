import { HostMemory } from "@likex/host-memory";
import { ACCESS, Cpu, MMU_RESULT, type Mmu } from "../../src/index.ts";

const MEGABYTE = 1 << 20;

/** The first megabyte mapped one to one; pages can be taken away, and accesses are recorded. */
export class FlatMmu implements Mmu {
  readonly #base: number;
  readonly absent: Set<number> = new Set();
  readonly readOnly: Set<number> = new Set();
  readonly devices: Set<number> = new Set();
  readonly nonCanonical: Set<number> = new Set();
  /** Pages that are mapped to another one. */
  readonly elsewhere: Map<number, number> = new Map();
  /** Pages asked for, with the kind of access. */
  readonly asked: { readonly page: number; readonly access: number }[] = [];
  /** Device accesses: what a read answers, and what was written. */
  deviceValue = 0;
  readonly deviceWrites: { readonly address: number; readonly bytes: readonly number[] }[] = [];
  hostPage = 0;
  guestPage = 0;
  permissions = 7;
  /** Pages that fault, with their error codes. */
  readonly faulting: Map<number, number> = new Map();
  pageFaultErrorCode = 0;

  constructor(base: number) {
    this.#base = base;
  }

  translate(low: number, high: number, access: number): number {
    const page = (low & ~0xfff) >>> 0;
    this.asked.push({ page, access });
    this.guestPage = page;
    const fault = high === 0 ? this.faulting.get(page) : undefined;
    if (fault !== undefined) {
      this.pageFaultErrorCode = fault;
      return MMU_RESULT.pageFault;
    }
    if (this.devices.has(page)) return MMU_RESULT.mmio;
    if (this.nonCanonical.has(page)) return MMU_RESULT.nonCanonical;
    const refused = this.absent.has(page) || (this.readOnly.has(page) && (access & ACCESS.write) !== 0);
    if (high !== 0 || page >= MEGABYTE || refused) return MMU_RESULT.stop;
    this.hostPage = this.#base + (this.elsewhere.get(page) ?? page);
    this.permissions = this.readOnly.has(page) ? ACCESS.read | ACCESS.execute : 7;
    return MMU_RESULT.ok;
  }

  mmioRead(_address: number, size: number, data: Uint8Array): number {
    for (let i = 0; i < size; i++) data[i] = (this.deviceValue >>> (8 * i)) & 0xff;
    return 0;
  }

  mmioWrite(address: number, size: number, data: Uint8Array): number {
    this.deviceWrites.push({ address, bytes: [...data.subarray(0, size)] });
    return 0;
  }
}

/** A processor in real-address mode with a megabyte of memory; CS, DS, ES and SS have base 0. */
export class RealModeMachine {
  readonly memory: HostMemory = HostMemory.create({ bytes: 4 << 20 });
  readonly base: number = this.memory.allocateFrames(MEGABYTE / 4096);
  readonly mmu: FlatMmu = new FlatMmu(this.base);
  readonly cpu: Cpu = Cpu.create({ memory: this.memory, mmu: this.mmu });

  /** Puts code, given as hexadecimal bytes, at an address and starts there with SP 0x8000. */
  constructor(code: string, at = 0x1000) {
    this.load(at, code);
    this.cpu.ripNumber = at;
    this.cpu.setRegister(4, 0x8000n);
  }

  load(at: number, code: string): void {
    const bytes = Uint8Array.from(Buffer.from(code.replaceAll(" ", ""), "hex"));
    for (let page = at & ~0xfff; page < at + bytes.length; page += 4096)
      this.memory.noteWrite((this.base + page) as Parameters<HostMemory["noteWrite"]>[0]);
    this.memory.u8.set(bytes, this.base + at);
  }

  /** Bytes of guest memory, in hexadecimal. */
  read(at: number, length: number): string {
    return Buffer.from(this.memory.u8.subarray(this.base + at, this.base + at + length)).toString("hex");
  }

  register(index: number): number {
    return Number(this.cpu.getRegister(index));
  }
}

export const AX = 0;
export const CX = 1;
export const DX = 2;
export const BX = 3;
export const SP = 4;
export const SI = 6;
export const DI = 7;
