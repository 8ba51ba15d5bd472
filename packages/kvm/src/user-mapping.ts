import { type AddressSpace, type HostVirtualAddress, hva } from "@likex/host-memory";
import { MappingAccessError } from "./errors.ts";

/** A mapping in the user address space that the emulated driver and its VMM share. */
export interface UserMapping {
  /** User virtual address of the first byte: what `userspace_addr` of a memory region takes. */
  readonly address: bigint;
  /** Length in bytes, a multiple of 4096. */
  readonly length: number;
  /** A live view of the bytes: a vCPU's run page has it, anonymous memory does not. */
  readonly bytes?: Uint8Array;
  /** Copies `length` bytes out, from byte `offset`. Throws MappingAccessError outside the mapping. */
  read(offset: number, length: number): Uint8Array;
  /** Copies `bytes` in, at byte `offset`. Throws MappingAccessError outside the mapping. */
  write(offset: number, bytes: Uint8Array): void;
  /** Removes the mapping. A second call does nothing. */
  unmap(): void;
}

const check = (what: string, mapping: UserMapping, offset: number, length: number, mapped: boolean): void => {
  if (!mapped) throw new MappingAccessError(`${what}: the mapping at 0x${mapping.address.toString(16)} was unmapped`);
  if (!(Number.isInteger(offset) && offset >= 0 && length >= 0 && offset + length <= mapping.length)) {
    throw new MappingAccessError(
      `${what}: ${length} bytes at offset ${offset} are not inside a mapping of ${mapping.length} bytes`,
    );
  }
};

/** Anonymous zeroed memory: frames appear in it as they are written. */
export class AnonymousMapping implements UserMapping {
  readonly address: bigint;
  readonly length: number;
  readonly #space: AddressSpace;
  readonly #start: HostVirtualAddress;
  #mapped = true;

  /** Maps `length` bytes, a multiple of 4096, at an address of the space's choice. */
  constructor(space: AddressSpace, length: number) {
    this.#space = space;
    this.#start = space.map({ length, backing: "lazy" }).address;
    this.length = length;
    this.address = BigInt(this.#start);
  }

  read(offset: number, length: number): Uint8Array {
    check("read", this, offset, length, this.#mapped);
    return this.#space.read(hva(this.#start + offset), length);
  }

  write(offset: number, bytes: Uint8Array): void {
    check("write", this, offset, bytes.length, this.#mapped);
    this.#space.write(hva(this.#start + offset), bytes);
  }

  unmap(): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    this.#space.unmap(this.#start, this.length);
  }
}

/** A mapping of frames that live as long as the file behind them: a vCPU's run area. */
export class FileMapping implements UserMapping {
  readonly address: bigint;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly #file: { put(): void };
  #mapped = true;

  /** `file` has been given a reference for this mapping, which `unmap` drops. */
  constructor(options: { address: number; length: number; bytes: Uint8Array; file: { put(): void } }) {
    this.address = BigInt(options.address);
    this.length = options.length;
    this.bytes = options.bytes;
    this.#file = options.file;
  }

  read(offset: number, length: number): Uint8Array {
    check("read", this, offset, length, this.#mapped);
    return this.bytes.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    check("write", this, offset, bytes.length, this.#mapped);
    this.bytes.set(bytes, offset);
  }

  unmap(): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    this.#file.put();
  }
}
