import { createRequire } from "node:module";

/** The part of koffi that this package uses. Stated here so that the package type-checks without koffi installed. */
interface Koffi {
  load(path: null): KoffiLibrary;
  errno(): number;
  view(address: number | bigint, length: number): ArrayBuffer;
}

interface KoffiLibrary {
  func<F extends (...values: never[]) => unknown>(declaration: string): F;
}

/** A user address: koffi gives a number up to 2^53 and a bigint above. */
export type Address = number | bigint;

/** The C library's calls, in their own terms: -1 on failure, with the reason in `errno()`. */
export interface Libc {
  open(path: string, flags: number): number;
  ioctlPointer(fd: number, request: number, argument: Uint8Array): number;
  ioctlValue(fd: number, request: number, argument: number | bigint): number;
  mmap(address: Address, length: number, protection: number, flags: number, fd: number, offset: number): Address;
  munmap(address: Address, length: number): number;
  close(fd: number): number;
  /** `struct itimerval` as bytes; the old value is not asked for. */
  setitimer(which: number, value: Uint8Array): number;
  /** The calling thread's errno as the last call left it. */
  errno(): number;
  /** The memory at an address as an ArrayBuffer that shares it. */
  view(address: Address, length: number): ArrayBuffer;
}

/**
 * Loads koffi and binds the C library of this process.
 *
 * @throws whatever the module loader or koffi throws when koffi is not installed or has no binary for this machine.
 */
export function loadLibc(): Libc {
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const library = koffi.load(null);
  const setitimer = library.func<(which: number, value: Uint8Array, old: null) => number>(
    "int setitimer(int which, const void *value, void *old)",
  );
  return {
    open: library.func("int open(const char *path, int flags)"),
    // ioctl is variadic in C, but Linux's 64-bit conventions pass an integer or pointer the same way.
    ioctlPointer: library.func("int ioctl(int fd, unsigned long request, void *argument)"),
    ioctlValue: library.func("int ioctl(int fd, unsigned long request, uint64_t argument)"),
    mmap: library.func(
      "uintptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)",
    ),
    munmap: library.func("int munmap(uintptr_t address, size_t length)"),
    close: library.func("int close(int fd)"),
    setitimer: (which, value) => setitimer(which, value, null),
    errno: () => koffi.errno(),
    view: (address, length) => koffi.view(address, length),
  };
}
