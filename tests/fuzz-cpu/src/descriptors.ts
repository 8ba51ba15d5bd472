import { AT, PAGE } from "./layout.ts";
import type { Random } from "./random.ts";

/** Selectors of the descriptors that every guest begins with. */
export const SELECTOR = {
  code32: 0x08,
  data32: 0x10,
  code16: 0x18,
  data16: 0x20,
  code64: 0x28,
  userCode32: 0x33,
  userData32: 0x3b,
  userCode64: 0x43,
  userCode16: 0x4b,
  conforming: 0x50,
  expandDown: 0x58,
  tss: 0x60,
  ldt: 0x70,
  callGate: 0x80,
  otherTss: 0x90,
  taskGate: 0xa0,
} as const;

/** Where the task-state segments of IA-32e mode and of protected mode are. */
export const TSS = { bits64: AT.tss * PAGE, bits32: AT.tss * PAGE + 0x800 } as const;

const GDT_ENTRIES = 64;
/** S clear: a system descriptor's type. */
const SYSTEM = { tss16: 1, ldt: 2, busyTss16: 3, callGate16: 4, taskGate: 5, tss: 9, callGate: 12 } as const;
const INTERRUPT_GATES: readonly number[] = [0x8e, 0x8f, 0xee, 0xef, 0x86, 0x87, 0xe6];

/** Base, limit of 20 bits, access byte and the flags G, D/B, L, AVL (SDM Vol 3A, 3.4.5). */
const descriptor = (base: number, limit: number, access: number, flags: number): bigint =>
  BigInt(limit & 0xffff) |
  (BigInt(base & 0xffffff) << 16n) |
  (BigInt(access) << 40n) |
  (BigInt(((limit >> 16) & 15) | (flags << 4)) << 48n) |
  (BigInt(base >>> 24) << 56n);

/** A call, interrupt, trap or task gate of 8 bytes. */
const gate = (selector: number, offset: number, access: number, parameters = 0): bigint =>
  BigInt(offset & 0xffff) |
  (BigInt(selector) << 16n) |
  (BigInt(parameters) << 32n) |
  (BigInt(access) << 40n) |
  (BigInt(offset >>> 16) << 48n);

/**
 * Fills GDT, LDT, TSS and the vector tables. `targets` are places in the code that gates lead to; of a hundred descriptors,
 * `garbage` are made of random bits.
 */
export function writeDescriptors(ram: Uint8Array, random: Random, targets: readonly number[], garbage: number): void {
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  const put = (at: number, value: bigint): void => {
    const isSpoilt = random.percent(garbage);
    const flipped = value ^ (1n << BigInt(random.below(64)));
    view.setBigUint64(at, isSpoilt ? (random.chance(2) ? random.bits64() : flipped) : value, true);
  };
  const gdt = AT.gdt * PAGE;
  globalDescriptors(random, targets).forEach((value, index) => {
    put(gdt + index * 8, value);
  });
  for (let index = 0; index < 32; index++) put(AT.ldt * PAGE + index * 8, anyDescriptor(random, targets));
  for (let vector = 0; vector < 256; vector++) {
    const target = random.of(targets);
    const access = random.of(INTERRUPT_GATES);
    const code = random.chance(6)
      ? anySelector(random)
      : random.of([SELECTOR.code32, SELECTOR.code32, SELECTOR.conforming]);
    const task = random.chance(24);
    put(AT.idt32 * PAGE + vector * 8, task ? gate(SELECTOR.otherTss, 0, 0xe5) : gate(code, target, access));
    const code64 = random.chance(6) ? anySelector(random) : SELECTOR.code64;
    put(AT.idt64 * PAGE + vector * 16, gate(code64, target, access, random.chance(4) ? random.below(8) : 0));
    put(AT.idt64 * PAGE + vector * 16 + 8, random.chance(10) ? 0xffff_8000n : 0n);
    if (vector < 64) view.setUint32(AT.vectors * PAGE + vector * 4, ((target >> 4) << 16) | (target & 15), true);
  }
  writeTss(view, random, targets);
}

function globalDescriptors(random: Random, targets: readonly number[]): bigint[] {
  const fixed: bigint[] = [
    0n,
    descriptor(0, 0xfffff, 0x9b, 0xc),
    descriptor(0, 0xfffff, 0x93, 0xc),
    descriptor(0, 0xffff, 0x9b, 0),
    descriptor(0, 0xffff, 0x93, 0),
    descriptor(0, 0xfffff, 0x9b, 0xa),
    descriptor(0, 0xfffff, 0xfb, 0xc),
    descriptor(0, 0xfffff, 0xf3, 0xc),
    descriptor(0, 0xfffff, 0xfb, 0xa),
    descriptor(0, 0xffff, 0xfb, 0),
    descriptor(0, 0xfffff, 0x9f, 0xc),
    descriptor(0, random.below(0x40), 0x97, 0xc),
    descriptor(random.of([TSS.bits64, TSS.bits32]), 0x1fff, 0x80 | SYSTEM.tss, 0),
    0n,
    descriptor(AT.ldt * PAGE, 0xff, 0x80 | SYSTEM.ldt, 0),
    0n,
    gate(random.of([SELECTOR.code32, SELECTOR.code64]), random.of(targets), 0xe0 | SYSTEM.callGate, random.below(32)),
    0n,
    descriptor(TSS.bits32, random.of([0x67, 0x2b, 0x1ff, 3]), 0x80 | random.of([SYSTEM.tss, SYSTEM.tss16]), 0),
    0n,
    gate(SELECTOR.otherTss, 0, 0xe0 | SYSTEM.taskGate),
  ];
  while (fixed.length < GDT_ENTRIES) fixed.push(anyDescriptor(random, targets));
  return fixed;
}

/** A segment descriptor of any type with a likely base, a gate, or random bits. */
export function anyDescriptor(random: Random, targets: readonly number[]): bigint {
  const access = random.below(256) | (random.chance(8) ? 0 : 0x80);
  switch (random.below(4)) {
    case 0:
      return random.bits64();
    case 1:
      return gate(anySelector(random), random.of(targets), access & 0xef, random.below(32));
    default:
      return descriptor(
        random.of([0, 0, random.below(0x40000), random.bits32()]),
        random.of([0xfffff, 0xffff, 0xfff, 0, random.below(0x100000)]),
        access | (random.chance(3) ? 0 : 0x10),
        random.below(16),
      );
  }
}

/** A selector of the tables, now and then one beyond them. */
export function anySelector(random: Random): number {
  if (random.chance(2)) return random.of(Object.values(SELECTOR));
  if (random.chance(6)) return random.below(0x10000);
  return (random.below(GDT_ENTRIES) << 3) | random.below(8);
}

/** Task-state segments whose stacks and code are likely. */
function writeTss(view: DataView, random: Random, targets: readonly number[]): void {
  for (const at of [TSS.bits64, TSS.bits32]) {
    for (let offset = 0; offset < 0x68; offset += 4)
      view.setUint32(at + offset, Number(random.value() & 0xffff_ffffn), true);
    const stack = (AT.stack + 1) * PAGE - 16 * random.below(8);
    if (at === TSS.bits64) {
      // RSP0 to RSP2, and seven stacks of the interrupt stack table.
      for (const offset of [4, 12, 20, 36, 44, 52, 60, 68, 76, 84])
        view.setBigUint64(at + offset, BigInt(random.chance(12) ? random.bits32() : stack), true);
    } else {
      for (const offset of [4, 12, 20]) {
        view.setUint32(at + offset, random.chance(12) ? random.bits32() : stack, true);
        view.setUint32(at + offset + 4, random.chance(8) ? anySelector(random) : SELECTOR.data32, true);
      }
      view.setUint32(at + 0x1c, random.chance(8) ? random.ordinary() : AT.tables * PAGE, true);
      view.setUint32(at + 0x20, random.of(targets), true);
      view.setUint32(at + 0x24, 2 | random.some(0x37fd5), true);
      view.setUint32(at + 0x38, stack, true);
      for (const [offset, selector] of [
        [0x48, SELECTOR.data32],
        [0x4c, random.of([SELECTOR.code32, SELECTOR.userCode32])],
        [0x50, SELECTOR.data32],
        [0x54, SELECTOR.data32],
        [0x58, 0],
        [0x5c, 0],
        [0x60, random.of([0, SELECTOR.ldt])],
      ] as const)
        view.setUint32(at + offset, random.chance(8) ? anySelector(random) : selector, true);
    }
    view.setUint16(at + 0x66, random.of([0x68, 0x88, 0x1ff0, 0xffff]), true);
  }
}
