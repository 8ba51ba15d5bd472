import { HostMemory } from "@likex/host-memory";
import { Cpu, type CpuOptions, SEGMENT } from "../../src/index.ts";
import { FlatMmu } from "./real-mode.ts";

const MEGABYTE = 1 << 20;
const TABLE = 0x6000;
const INTERRUPTS = 0x5000;

/** A descriptor: base, limit (20 bits), access byte and flags nibble. */
const descriptor = (base: number, limit: number, access: number, flags: number): bigint =>
  BigInt(limit & 0xffff) |
  (BigInt(base & 0xffffff) << 16n) |
  (BigInt(access) << 40n) |
  (BigInt(((limit >> 16) & 15) | (flags << 4)) << 48n) |
  (BigInt(base >>> 24) << 56n);

/** A processor in flat 32-bit protected mode at CPL 0, the first megabyte mapped one to one, nothing intercepted. */
export class SystemMachine {
  readonly memory: HostMemory = HostMemory.create({ bytes: 4 << 20 });
  readonly base: number = this.memory.allocateFrames(MEGABYTE / 4096);
  readonly mmu: FlatMmu;
  readonly cpu: Cpu;

  /** Code, in hexadecimal, at 1000h; the stack's top is 8000h. */
  constructor(
    code: string,
    options: Partial<CpuOptions> = {},
    createMmu: (base: number) => FlatMmu = (base) => new FlatMmu(base),
  ) {
    this.mmu = createMmu(this.base);
    this.cpu = Cpu.create({ memory: this.memory, mmu: this.mmu, ...options });
    const { cpu } = this;
    this.load(0x1000, code);
    cpu.intercepts.fill(0);
    cpu.exceptionBitmap = 0;
    cpu.cr0 = 0x11;
    cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffffffff, 0xc09b);
    for (const register of [SEGMENT.es, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs])
      cpu.setSegmentRaw(register, 16, 0, 0, 0xffffffff, 0xc093);
    cpu.gdtrBase = BigInt(TABLE);
    cpu.gdtrLimit = 0x1f;
    cpu.idtrBase = BigInt(INTERRUPTS);
    cpu.idtrLimit = 0x7ff;
    [0n, descriptor(0, 0xfffff, 0x9b, 0xc), descriptor(0, 0xfffff, 0x93, 0xc)].forEach((value, i) => {
      this.memory.u64[(this.base + TABLE + i * 8) >> 3] = value;
    });
    cpu.ripNumber = 0x1000;
    cpu.setRegister(4, 0x8000n);
  }

  /** An interrupt gate of 32 bits, or another type. */
  gate(vector: number, offset: number, type = 0x8e): void {
    const low = (8 << 16) | (offset & 0xffff);
    this.memory.u32[(this.base + INTERRUPTS + vector * 8) >> 2] = low;
    this.memory.u32[(this.base + INTERRUPTS + vector * 8 + 4) >> 2] = ((offset & 0xffff0000) | (type << 8)) >>> 0;
  }

  load(at: number, code: string): void {
    this.memory.u8.set(Buffer.from(code.replaceAll(" ", ""), "hex"), this.base + at);
  }

  word(at: number): number {
    return this.memory.u32[(this.base + at) >> 2] as number;
  }
}
