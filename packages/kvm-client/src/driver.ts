/**
 * What a KVM client needs of the system below it: four system calls, with Linux's numbers, layouts and errno.
 *
 * The emulated hypervisor and the machine's real `/dev/kvm` both satisfy it, so a VMM written against it cannot tell
 * on which of them it runs. No member throws for what the kernel would answer with an errno.
 */
export interface KvmDriver {
  /** Opens a device file. The result is a file descriptor (0 or more), or the negated errno. */
  open(path: string): number;
  /**
   * Performs an ioctl. A byte array stands for a pointer to the structure it holds, and is changed in place when the
   * request writes; a number or bigint is passed by value (for a request that takes a pointer it is a raw user
   * address, so a bad one gives `-EFAULT`). Absent means 0. The result is 0 or more, or the negated errno.
   */
  ioctl(fd: number, request: number, argument?: Uint8Array | number | bigint): number;
  /**
   * Maps `length` bytes of a file from its offset 0 (a vCPU's run page), or, with fd -1, anonymous zeroed user memory
   * that may back a memory slot. The result is the mapping, or the negated errno.
   */
  mmap(fd: number, length: number): UserMapping | number;
  /** Closes a file descriptor. The result is 0, or the negated errno. */
  close(fd: number): number;
}

/** A mapping in the user address space of a {@link KvmDriver}. */
export interface UserMapping {
  /** User virtual address of the first byte: what `userspace_addr` of a memory region takes. */
  readonly address: bigint;
  /** Length in bytes, a multiple of 4096. */
  readonly length: number;
  /** A live view of the bytes. Always there for a vCPU's run page; a driver may leave it out for anonymous memory. */
  readonly bytes?: Uint8Array;
  /** Copies `length` bytes out, from byte `offset`. */
  read(offset: number, length: number): Uint8Array;
  /** Copies `bytes` in, at byte `offset`. */
  write(offset: number, bytes: Uint8Array): void;
  /** Removes the mapping; `bytes` must not be used afterwards. */
  unmap(): void;
}
