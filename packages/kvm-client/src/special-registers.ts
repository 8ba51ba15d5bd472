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
  apicBase: bigint;
  /** Pending external interrupts, 256 bits as four little-endian words; at most one bit is set. */
  interruptBitmap: readonly [bigint, bigint, bigint, bigint];
}

/** `sizeof(struct kvm_sregs)`. */
export const SREGS_BYTES = 312;

const SEGMENT_OFFSETS = { cs: 0, ds: 24, es: 48, fs: 72, gs: 96, ss: 120, tr: 144, ldt: 168 } as const;
const TABLE_OFFSETS = { gdt: 192, idt: 208 } as const;
const CONTROL_OFFSETS = { cr0: 224, cr2: 232, cr3: 240, cr4: 248, cr8: 256, efer: 264, apicBase: 272 } as const;
const INTERRUPT_BITMAP_OFFSET = 280;

type SegmentName = keyof typeof SEGMENT_OFFSETS;
type TableName = keyof typeof TABLE_OFFSETS;
type ControlName = keyof typeof CONTROL_OFFSETS;

const keysOf = <T extends object>(table: T): (keyof T)[] => Object.keys(table) as (keyof T)[];

/** The members of {@link Sregs} that are segment registers. */
export const SEGMENT_NAMES: readonly SegmentName[] = keysOf(SEGMENT_OFFSETS);
const TABLE_NAMES: readonly TableName[] = keysOf(TABLE_OFFSETS);
const CONTROL_NAMES: readonly ControlName[] = keysOf(CONTROL_OFFSETS);

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeSegment(view: DataView, offset: number): Segment {
  const u8 = (at: number): number => view.getUint8(offset + at);
  return {
    base: view.getBigUint64(offset, true),
    limit: view.getUint32(offset + 8, true),
    selector: view.getUint16(offset + 12, true),
    type: u8(14),
    present: u8(15),
    dpl: u8(16),
    db: u8(17),
    s: u8(18),
    l: u8(19),
    g: u8(20),
    avl: u8(21),
    unusable: u8(22),
  };
}

function encodeSegment(view: DataView, offset: number, segment: Segment): void {
  view.setBigUint64(offset, segment.base, true);
  view.setUint32(offset + 8, segment.limit, true);
  view.setUint16(offset + 12, segment.selector, true);
  view.setUint8(offset + 14, segment.type);
  view.setUint8(offset + 15, segment.present);
  view.setUint8(offset + 16, segment.dpl);
  view.setUint8(offset + 17, segment.db);
  view.setUint8(offset + 18, segment.s);
  view.setUint8(offset + 19, segment.l);
  view.setUint8(offset + 20, segment.g);
  view.setUint8(offset + 21, segment.avl);
  view.setUint8(offset + 22, segment.unusable);
}

function fromEntries<K extends string, V>(names: readonly K[], value: (name: K) => V): Record<K, V> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, V>;
}

/** Reads a `struct kvm_sregs`. */
export function decodeSregs(bytes: Uint8Array): Sregs {
  const view = viewOf(bytes);
  const word = (index: number): bigint => view.getBigUint64(INTERRUPT_BITMAP_OFFSET + 8 * index, true);
  return {
    ...fromEntries(SEGMENT_NAMES, (name) => decodeSegment(view, SEGMENT_OFFSETS[name])),
    ...fromEntries(TABLE_NAMES, (name) => ({
      base: view.getBigUint64(TABLE_OFFSETS[name], true),
      limit: view.getUint16(TABLE_OFFSETS[name] + 8, true),
    })),
    ...fromEntries(CONTROL_NAMES, (name) => view.getBigUint64(CONTROL_OFFSETS[name], true)),
    interruptBitmap: [word(0), word(1), word(2), word(3)],
  };
}

/** Writes a `struct kvm_sregs` over `bytes`; each value is taken modulo the width of its field. */
export function encodeSregs(sregs: Sregs, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  for (const name of SEGMENT_NAMES) {
    encodeSegment(view, SEGMENT_OFFSETS[name], sregs[name]);
  }
  for (const name of TABLE_NAMES) {
    view.setBigUint64(TABLE_OFFSETS[name], sregs[name].base, true);
    view.setUint16(TABLE_OFFSETS[name] + 8, sregs[name].limit, true);
  }
  for (const name of CONTROL_NAMES) {
    view.setBigUint64(CONTROL_OFFSETS[name], sregs[name], true);
  }
  sregs.interruptBitmap.forEach((word, index) => {
    view.setBigUint64(INTERRUPT_BITMAP_OFFSET + 8 * index, word, true);
  });
}
