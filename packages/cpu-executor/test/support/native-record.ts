/**
 * One execution as the native oracle exchanges it, in scripts/native/oracle.c `struct record`: the state before the
 * instruction, and in its place the state after it. Offsets in bytes.
 */
export const RECORD = {
  gpr: 0,
  rflags: 128,
  /** Exception vector plus 1, 0 for none. Before: 0. */
  trap: 132,
  errorCode: 136,
  /** Offset in CS: of the exception, or of where the instruction went on. 4 bytes. */
  ip: 140,
  /** Linear address of a page fault, 8 bytes. */
  faultAddress: 144,
  fsBase: 152,
  gsBase: 160,
  /** Of the code, in bytes. 4 bytes. */
  codeLength: 168,
  /** Offset in the code page of a second place to go on at, 0 for none. 4 bytes. */
  landing: 172,
  code: 176,
  /** ES CS SS DS FS GS, 2 bytes each. */
  selectors: 192,
  /** Of code: 16, 32 or 64. 4 bytes. */
  bits: 204,
  /** Linear address that `memory` starts at, and the part of it that is mapped. 4 bytes each. */
  region: 208,
  regionFrom: 212,
  regionTo: 216,
  /** Base of CS. 4 bytes. */
  codeBase: 220,
  /** x87, MMX and SSE state in FXSAVE64's layout. */
  fx: 224,
  memory: 736,
  /** A multiple of 64. */
  size: 1792,
} as const;

export const FX_BYTES = 512;
export const REGION_BYTES = 1024;

/** Many executions in one buffer. */
export class NativeRecords {
  readonly count: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;

  constructor(count: number, buffer: ArrayBuffer = new ArrayBuffer(count * RECORD.size), offset = 0) {
    this.count = count;
    this.u8 = new Uint8Array(buffer, offset, count * RECORD.size);
    this.u16 = new Uint16Array(buffer, offset, (count * RECORD.size) / 2);
    this.i32 = new Int32Array(buffer, offset, (count * RECORD.size) / 4);
  }

  /** An int32 field of a record. */
  get(i: number, field: number): number {
    return this.i32[(i * RECORD.size + field) >> 2] as number;
  }

  set(i: number, field: number, value: number): void {
    this.i32[(i * RECORD.size + field) >> 2] = value;
  }

  code(i: number): Uint8Array {
    const at = i * RECORD.size + RECORD.code;
    return this.u8.subarray(at, at + this.get(i, RECORD.codeLength));
  }

  clear(i: number): void {
    this.i32.fill(0, (i * RECORD.size) >> 2, ((i + 1) * RECORD.size) >> 2);
  }

  /** A record of another buffer, copied. */
  copy(i: number, from: NativeRecords, index: number): void {
    this.u8.set(from.u8.subarray(index * RECORD.size, (index + 1) * RECORD.size), i * RECORD.size);
  }
}
