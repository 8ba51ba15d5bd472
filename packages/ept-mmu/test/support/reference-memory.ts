/** Physical memory of the reference walks: a plain copy of the arena. */
export class ReferenceMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get size(): bigint {
    return BigInt(this.bytes.length);
  }

  /** An entry of 4 or 8 bytes. */
  read(address: bigint, entryBytes: number): bigint {
    return entryBytes === 4
      ? BigInt(this.view.getUint32(Number(address), true))
      : this.view.getBigUint64(Number(address), true);
  }

  write(address: bigint, entryBytes: number, value: bigint): void {
    if (entryBytes === 4) this.view.setUint32(Number(address), Number(value), true);
    else this.view.setBigUint64(Number(address), value, true);
  }
}

/** Bits high:low of a value. */
export const bits = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);

export const bit = (value: bigint, position: number): boolean => bits(value, position, position) === 1n;
