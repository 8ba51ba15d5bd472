import { type AddressSpace, hva } from "@likex/host-memory";

/** An ioctl's argument: bytes stand for a pointer to them; a number or bigint is the raw value. */
export type IoctlArgument = Uint8Array | number | bigint | undefined;

/** User addresses end here: the lower canonical half (47 bits), less the guard page Linux keeps. */
export const TASK_SIZE: number = 2 ** 47 - 4096;

/** The raw value of an argument that is not a pointer. Bytes stand for a non-null pointer. */
export function argumentValue(argument: IoctlArgument): number {
  if (argument === undefined) return 0;
  return typeof argument === "object" ? TASK_SIZE : Number(argument);
}

/**
 * Copies between a caller's structure and the kernel's, as copy_from_user and copy_to_user do. The kernel's copy is one
 * buffer, reused by each call.
 */
export class UserPointer {
  readonly #space: AddressSpace;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  /** `capacity`: size in bytes of the largest structure. */
  constructor(space: AddressSpace, capacity: number) {
    this.#space = space;
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Fills `bytes[0..size)` from the argument; false if it does not point to that many bytes. */
  copyIn(argument: IoctlArgument, size: number): boolean {
    if (typeof argument === "object") {
      if (argument.length < size) return false;
      this.bytes.set(argument.length === size ? argument : argument.subarray(0, size));
      return true;
    }
    const address = argumentValue(argument);
    if (!isUserRange(address, size)) return false;
    try {
      this.bytes.set(this.#space.read(hva(address), size));
      return true;
    } catch {
      return false;
    }
  }

  /** Writes `bytes[0..size)` to where the argument points; false if that is not writable. */
  copyOut(argument: IoctlArgument, size: number): boolean {
    if (typeof argument === "object") {
      if (argument.length < size) return false;
      argument.set(this.bytes.subarray(0, size));
      return true;
    }
    const address = argumentValue(argument);
    if (!isUserRange(address, size)) return false;
    try {
      this.#space.write(hva(address), this.bytes.slice(0, size));
      return true;
    } catch {
      return false;
    }
  }
}

const isUserRange = (address: number, size: number): boolean =>
  Number.isSafeInteger(address) && address >= 0 && address + size <= TASK_SIZE;
