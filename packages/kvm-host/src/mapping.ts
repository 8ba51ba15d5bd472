import { HostKvmUsageError } from "./errors.ts";
import type { Address, Libc } from "./libc.ts";

const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FAILED = (1n << 64n) - 1n;

/** A range of addresses whose bytes are gone, kept until nobody can look at them any more. */
interface Reserved {
  readonly address: Address;
  readonly length: number;
}

/** Maps memory into this process, and takes it away without leaving a view that could crash it. */
export class Mapper {
  readonly #libc: Libc;
  readonly #reserved: FinalizationRegistry<Reserved>;

  /** The calls are made through `libc`. */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.#reserved = new FinalizationRegistry(({ address, length }) => {
      libc.munmap(address, length);
    });
  }

  /** Maps a file, or with fd -1 anonymous memory; the negated errno on failure. */
  map(fd: number, length: number): HostMapping | number {
    const flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    const address = this.#libc.mmap(0, length, PROT_READ_WRITE, flags, fd, 0);
    if (address === MAP_FAILED) {
      return -this.#libc.errno();
    }
    return new HostMapping(this, address, new Uint8Array(this.#libc.view(address, length)));
  }

  /**
   * Ends a mapping. A view of native memory cannot be detached, so the range becomes empty anonymous memory at once
   * and its addresses are returned when the view has been collected: a late read gives zeros rather than a crash.
   */
  unmap(address: Address, bytes: Uint8Array): void {
    const { length } = bytes;
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    this.#libc.mmap(address, length, PROT_READ_WRITE, flags, -1, 0);
    this.#reserved.register(bytes.buffer, { address, length });
  }
}

/** A mapping in this process; it has a live view, whatever it maps. */
export class HostMapping {
  /** User virtual address of the first byte. */
  readonly address: bigint;
  /** Length in bytes. */
  readonly length: number;
  readonly #mapper: Mapper;
  #bytes: Uint8Array | undefined;

  /** Takes over memory that `mapper` mapped. */
  constructor(mapper: Mapper, address: Address, bytes: Uint8Array) {
    this.#mapper = mapper;
    this.address = BigInt(address);
    this.length = bytes.length;
    this.#bytes = bytes;
  }

  /** A live view. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      throw new HostKvmUsageError(
        `The mapping at 0x${this.address.toString(16)} was unmapped; use its bytes before unmap().`,
      );
    }
    return this.#bytes;
  }

  /** Copies `length` bytes out, from byte `offset`. */
  read(offset: number, length: number): Uint8Array {
    this.#checkRange(offset, length);
    return this.bytes.slice(offset, offset + length);
  }

  /** Copies `bytes` in, at byte `offset`. */
  write(offset: number, bytes: Uint8Array): void {
    this.#checkRange(offset, bytes.length);
    this.bytes.set(bytes, offset);
  }

  /** Removes the mapping. A second call does nothing. */
  unmap(): void {
    if (this.#bytes !== undefined) {
      const bytes = this.#bytes;
      this.#bytes = undefined;
      this.#mapper.unmap(this.address, bytes);
    }
  }

  #checkRange(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length)) {
      throw new HostKvmUsageError(
        `Bytes ${offset} to ${offset + length} were asked of a mapping of ${this.length}; stay inside it.`,
      );
    }
  }
}
