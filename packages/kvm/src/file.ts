import { KVM_IOCTL } from "@likex/kvm-abi";
import type { UserMapping } from "./user-mapping.ts";
import type { IoctlArgument } from "./user-pointer.ts";

/**
 * An open file description, counted as Linux counts it: its descriptor holds one reference and each of its mappings
 * another; the last one dropped releases it.
 */
export abstract class OpenFile {
  #references = 1;

  /** Takes a request as unsigned 32 bits. Returns 0 or more, or the negated errno. */
  abstract ioctl(request: number, argument: IoctlArgument): number;

  /** KVM_RUN, the one request that is worth a way of its own. */
  run(argument: IoctlArgument): number {
    return this.ioctl(KVM_IOCTL.KVM_RUN, argument);
  }

  /** Maps `length` bytes (a multiple of 4096) from offset 0, or returns the negated errno. */
  abstract mmap(length: number): UserMapping | number;

  /** Called once, when the last reference is gone. */
  protected abstract release(): void;

  get(): void {
    this.#references++;
  }

  put(): void {
    this.#references--;
    if (this.#references === 0) this.release();
  }
}

/** Descriptors 0 to 2 stand for the standard streams, as in a process. */
const FIRST_DESCRIPTOR = 3;

/** A process's table of file descriptors: the lowest free number is taken first. */
export class FileTable {
  readonly #files: (OpenFile | undefined)[] = [];
  #lowestFree = 0;

  install(file: OpenFile): number {
    let index = this.#lowestFree;
    while (this.#files[index] !== undefined) index++;
    this.#files[index] = file;
    this.#lowestFree = index + 1;
    return index + FIRST_DESCRIPTOR;
  }

  find(fd: number): OpenFile | undefined {
    return this.#files[fd - FIRST_DESCRIPTOR];
  }

  /** Takes the descriptor out of the table and drops its reference; false if there is no such descriptor. */
  close(fd: number): boolean {
    const index = fd - FIRST_DESCRIPTOR;
    const file = this.#files[index];
    if (file === undefined) return false;
    this.#files[index] = undefined;
    if (index < this.#lowestFree) this.#lowestFree = index;
    file.put();
    return true;
  }

  closeAll(): void {
    for (let index = 0; index < this.#files.length; index++) this.close(index + FIRST_DESCRIPTOR);
  }
}
