import { kvm_dtable, kvm_segment, kvm_sregs, offsetOf, sizeOf } from "@likex/kvm-abi";

/** A segment register of `struct kvm_segment`, with its hidden part. */
export interface Segment {
  /** Linear base address, 64-bit. */
  base: bigint;
  /** Limit in bytes, whatever the granularity. */
  limit: number;
  selector: number;
  /** Type field of the descriptor, four bits (SDM Vol 3A 3.4.5.1). */
  type: number;
  present: number;
  dpl: number;
  db: number;
  s: number;
  l: number;
  g: number;
  avl: number;
  /** 1 when a null selector was loaded. */
  unusable: number;
}

/** GDTR or IDTR: `struct kvm_dtable`. */
export interface DescriptorTable {
  base: bigint;
  limit: number;
}

/** The special registers of `struct kvm_sregs`. */
export interface Sregs {
  cs: Segment;
  ds: Segment;
  es: Segment;
  fs: Segment;
  gs: Segment;
  ss: Segment;
  tr: Segment;
  ldt: Segment;
  gdt: DescriptorTable;
  idt: DescriptorTable;
  cr0: bigint;
  cr2: bigint;
  cr3: bigint;
  cr4: bigint;
  cr8: bigint;
  efer: bigint;
  apic_base: bigint;
  /** Pending external interrupts, 256 bits as four little-endian words; at most one bit is set. */
  interrupt_bitmap: bigint[];
}

/** `sizeof(struct kvm_sregs)`. */
export const SREGS_BYTES: number = sizeOf(kvm_sregs);

const AT = {
  cs: offsetOf(kvm_sregs, "cs"),
  ds: offsetOf(kvm_sregs, "ds"),
  es: offsetOf(kvm_sregs, "es"),
  fs: offsetOf(kvm_sregs, "fs"),
  gs: offsetOf(kvm_sregs, "gs"),
  ss: offsetOf(kvm_sregs, "ss"),
  tr: offsetOf(kvm_sregs, "tr"),
  ldt: offsetOf(kvm_sregs, "ldt"),
  gdt: offsetOf(kvm_sregs, "gdt"),
  idt: offsetOf(kvm_sregs, "idt"),
  cr0: offsetOf(kvm_sregs, "cr0"),
  cr2: offsetOf(kvm_sregs, "cr2"),
  cr3: offsetOf(kvm_sregs, "cr3"),
  cr4: offsetOf(kvm_sregs, "cr4"),
  cr8: offsetOf(kvm_sregs, "cr8"),
  efer: offsetOf(kvm_sregs, "efer"),
  apicBase: offsetOf(kvm_sregs, "apic_base"),
  interruptBitmap: offsetOf(kvm_sregs, "interrupt_bitmap"),
};

const SEGMENT_AT = {
  limit: offsetOf(kvm_segment, "limit"),
  selector: offsetOf(kvm_segment, "selector"),
  type: offsetOf(kvm_segment, "type"),
  present: offsetOf(kvm_segment, "present"),
  dpl: offsetOf(kvm_segment, "dpl"),
  db: offsetOf(kvm_segment, "db"),
  s: offsetOf(kvm_segment, "s"),
  l: offsetOf(kvm_segment, "l"),
  g: offsetOf(kvm_segment, "g"),
  avl: offsetOf(kvm_segment, "avl"),
  unusable: offsetOf(kvm_segment, "unusable"),
};
const TABLE_LIMIT_AT = offsetOf(kvm_dtable, "limit");

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeSegment(view: DataView, at: number): Segment {
  return {
    base: view.getBigUint64(at, true),
    limit: view.getUint32(at + SEGMENT_AT.limit, true),
    selector: view.getUint16(at + SEGMENT_AT.selector, true),
    type: view.getUint8(at + SEGMENT_AT.type),
    present: view.getUint8(at + SEGMENT_AT.present),
    dpl: view.getUint8(at + SEGMENT_AT.dpl),
    db: view.getUint8(at + SEGMENT_AT.db),
    s: view.getUint8(at + SEGMENT_AT.s),
    l: view.getUint8(at + SEGMENT_AT.l),
    g: view.getUint8(at + SEGMENT_AT.g),
    avl: view.getUint8(at + SEGMENT_AT.avl),
    unusable: view.getUint8(at + SEGMENT_AT.unusable),
  };
}

function encodeSegment(view: DataView, at: number, segment: Segment): void {
  view.setBigUint64(at, segment.base, true);
  view.setUint32(at + SEGMENT_AT.limit, segment.limit, true);
  view.setUint16(at + SEGMENT_AT.selector, segment.selector, true);
  view.setUint8(at + SEGMENT_AT.type, segment.type);
  view.setUint8(at + SEGMENT_AT.present, segment.present);
  view.setUint8(at + SEGMENT_AT.dpl, segment.dpl);
  view.setUint8(at + SEGMENT_AT.db, segment.db);
  view.setUint8(at + SEGMENT_AT.s, segment.s);
  view.setUint8(at + SEGMENT_AT.l, segment.l);
  view.setUint8(at + SEGMENT_AT.g, segment.g);
  view.setUint8(at + SEGMENT_AT.avl, segment.avl);
  view.setUint8(at + SEGMENT_AT.unusable, segment.unusable);
}

function decodeTable(view: DataView, at: number): DescriptorTable {
  return { base: view.getBigUint64(at, true), limit: view.getUint16(at + TABLE_LIMIT_AT, true) };
}

function encodeTable(view: DataView, at: number, table: DescriptorTable): void {
  view.setBigUint64(at, table.base, true);
  view.setUint16(at + TABLE_LIMIT_AT, table.limit, true);
}

/** Reads a `struct kvm_sregs`. */
export function decodeSregs(bytes: Uint8Array): Sregs {
  const view = viewOf(bytes);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  return {
    cs: decodeSegment(view, AT.cs),
    ds: decodeSegment(view, AT.ds),
    es: decodeSegment(view, AT.es),
    fs: decodeSegment(view, AT.fs),
    gs: decodeSegment(view, AT.gs),
    ss: decodeSegment(view, AT.ss),
    tr: decodeSegment(view, AT.tr),
    ldt: decodeSegment(view, AT.ldt),
    gdt: decodeTable(view, AT.gdt),
    idt: decodeTable(view, AT.idt),
    cr0: u64(AT.cr0),
    cr2: u64(AT.cr2),
    cr3: u64(AT.cr3),
    cr4: u64(AT.cr4),
    cr8: u64(AT.cr8),
    efer: u64(AT.efer),
    apic_base: u64(AT.apicBase),
    interrupt_bitmap: [0, 8, 16, 24].map((at) => u64(AT.interruptBitmap + at)),
  };
}

/** Writes a `struct kvm_sregs` over `bytes`; each value is taken modulo the width of its field. */
export function encodeSregs(sregs: Sregs, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  encodeSegment(view, AT.cs, sregs.cs);
  encodeSegment(view, AT.ds, sregs.ds);
  encodeSegment(view, AT.es, sregs.es);
  encodeSegment(view, AT.fs, sregs.fs);
  encodeSegment(view, AT.gs, sregs.gs);
  encodeSegment(view, AT.ss, sregs.ss);
  encodeSegment(view, AT.tr, sregs.tr);
  encodeSegment(view, AT.ldt, sregs.ldt);
  encodeTable(view, AT.gdt, sregs.gdt);
  encodeTable(view, AT.idt, sregs.idt);
  view.setBigUint64(AT.cr0, sregs.cr0, true);
  view.setBigUint64(AT.cr2, sregs.cr2, true);
  view.setBigUint64(AT.cr3, sregs.cr3, true);
  view.setBigUint64(AT.cr4, sregs.cr4, true);
  view.setBigUint64(AT.cr8, sregs.cr8, true);
  view.setBigUint64(AT.efer, sregs.efer, true);
  view.setBigUint64(AT.apicBase, sregs.apic_base, true);
  for (let index = 0; index < 4; index++) {
    view.setBigUint64(AT.interruptBitmap + 8 * index, sregs.interrupt_bitmap[index] ?? 0n, true);
  }
}
