import { InvalidHandlerRangeError } from "./errors.ts";
import { hex } from "./hex.ts";

/** Bytes of one port access. */
export type PortSize = 1 | 2 | 4;

/** A device on I/O ports. Values are unsigned, `size` bytes wide. */
export interface PortHandler {
  /** IN. What the handler has no method for reads as all ones. */
  read?(port: number, size: PortSize): number;
  /** OUT. What the handler has no method for is dropped. */
  write?(port: number, size: PortSize, value: number): void;
}

/** A device in guest-physical address space. `data` holds the access's bytes, little-endian, 1 to 8 of them. */
export interface MmioHandler {
  /** Fills `data`, which is all ones before. */
  read?(address: number, data: Uint8Array): void;
  /** `data` is valid during the call. */
  write?(address: number, data: Uint8Array): void;
}

/** I/O ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Guest-physical addresses. */
export interface MmioRange {
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

const PORTS = 0x1_0000;

/** Finds the device of a port. */
export class PortBus {
  readonly #handlers: (PortHandler | undefined)[] = [];

  /** @throws InvalidHandlerRangeError. */
  add({ first, last }: PortRange, handler: PortHandler): void {
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || first > last || last >= PORTS) {
      throw new InvalidHandlerRangeError(
        `Ports ${hex(first)} to ${hex(last)} are no range of I/O ports. Give first <= last, from 0 to 0xffff.`,
      );
    }
    for (let port = first; port <= last && port < this.#handlers.length; port += 1) {
      if (this.#handlers[port] !== undefined) {
        throw new InvalidHandlerRangeError(`Port ${hex(port)} has a handler already. Give each port one handler.`);
      }
    }
    while (this.#handlers.length <= last) this.#handlers.push(undefined);
    this.#handlers.fill(handler, first, last + 1);
  }

  find(port: number): PortHandler | undefined {
    return this.#handlers[port];
  }
}

interface MmioEntry {
  readonly start: number;
  readonly end: number;
  readonly handler: MmioHandler;
}

/** Finds the device of a guest-physical address. */
export class MmioBus {
  readonly #entries: MmioEntry[] = [];

  /** @throws InvalidHandlerRangeError. */
  add({ address, length }: MmioRange, handler: MmioHandler): void {
    const end = address + length;
    if (
      !Number.isSafeInteger(address) ||
      !Number.isSafeInteger(length) ||
      address < 0 ||
      length <= 0 ||
      end > 2 ** 52
    ) {
      throw new InvalidHandlerRangeError(
        `${length} bytes at ${hex(address)} are no range of guest-physical addresses. Give a positive length below 2^52.`,
      );
    }
    const other = this.#entries.find((entry) => address < entry.end && entry.start < end);
    if (other !== undefined) {
      throw new InvalidHandlerRangeError(
        `Addresses ${hex(address)} to ${hex(end - 1)} have a handler in part already (${hex(other.start)} to ${hex(other.end - 1)}). Give each address one handler.`,
      );
    }
    this.#entries.push({ start: address, end, handler });
  }

  /** The device of the access's first byte. */
  find(address: number): MmioHandler | undefined {
    return this.#entries.find((entry) => address >= entry.start && address < entry.end)?.handler;
  }
}
