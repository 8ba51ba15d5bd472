import {
  bytesOf,
  create,
  ERRNO,
  KVM_EXIT,
  KVM_IOCTL,
  kvm_cpuid2,
  kvm_run,
  kvm_userspace_memory_region,
  view,
} from "@likex/kvm-abi";
import type { KvmDriver, UserMapping } from "@likex/kvm-client";

/** What one KVM_RUN does: fills the run page and returns 0, or returns a negated errno. */
export type Step = (page: Uint8Array) => number;

const IO_DATA = 3072;

/** KVM_EXIT_IO with `count` transfers of `size` bytes. */
export const io =
  (direction: "in" | "out", port: number, size: number, data: readonly number[]): Step =>
  (page) => {
    const run = view(kvm_run, page);
    run.exit_reason = KVM_EXIT.IO;
    Object.assign(run.io, { direction: direction === "out" ? 1 : 0, size, port, count: data.length / size });
    run.io.data_offset = BigInt(IO_DATA);
    page.set(data, IO_DATA);
    return 0;
  };

/** The bytes that the VMM left where the last port exit had its data. */
export const ioData = (page: Uint8Array, length: number): number[] => [...page.slice(IO_DATA, IO_DATA + length)];

/** KVM_EXIT_MMIO; a write has its bytes, a read their number. */
export const mmio =
  (physAddr: number, access: { write: readonly number[] } | { read: number }): Step =>
  (page) => {
    const run = view(kvm_run, page);
    const bytes = "write" in access ? access.write : new Array<number>(access.read).fill(0);
    run.exit_reason = KVM_EXIT.MMIO;
    Object.assign(run.mmio, { phys_addr: BigInt(physAddr), len: bytes.length, is_write: "write" in access ? 1 : 0 });
    for (const [index, byte] of bytes.entries()) run.mmio.data[index] = byte;
    return 0;
  };

export const exit =
  (reason: number, fill: (run: kvm_run) => void = () => {}): Step =>
  (page) => {
    const run = view(kvm_run, page);
    run.exit_reason = reason;
    fill(run);
    return 0;
  };

export const hlt: Step = exit(KVM_EXIT.HLT);

/** A driver whose guest is a list of exits. It counts what it handed out, so that a test sees what was not given back. */
export class ScriptedDriver implements KvmDriver {
  readonly regions: kvm_userspace_memory_region[] = [];
  readonly memory: Uint8Array[] = [];
  readonly opened: string[] = [];
  page: Uint8Array = new Uint8Array(4096);
  regs: Uint8Array = new Uint8Array(144);
  sregs: Uint8Array = new Uint8Array(312);
  supportedCpuid: { function: number; ebx?: number; edx?: number }[] = [
    { function: 0 },
    { function: 1, ebx: 0x0a0b0c0d },
  ];
  /** The table that was set. */
  cpuid: kvm_cpuid2 | undefined;
  files = 0;
  mappings = 0;
  /** A request that is refused, and its errno. */
  refuse: { request: number; errno: number } | undefined;
  readonly #steps: Step[];

  constructor(...steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  open(path: string): number {
    this.opened.push(path);
    return this.#newFile();
  }

  ioctl(_fd: number, request: number, argument?: Uint8Array | number | bigint): number {
    if (request === this.refuse?.request) return -this.refuse.errno;
    const bytes = argument instanceof Uint8Array ? argument : new Uint8Array(0);
    switch (request) {
      case KVM_IOCTL.KVM_GET_API_VERSION:
        return 12;
      case KVM_IOCTL.KVM_GET_VCPU_MMAP_SIZE:
        return 4096;
      case KVM_IOCTL.KVM_CREATE_VM:
      case KVM_IOCTL.KVM_CREATE_VCPU:
        return this.opened.includes("/dev/rust_kvm") ? 0 : this.#newFile();
      case KVM_IOCTL.KVM_SET_USER_MEMORY_REGION:
        this.regions.push(view(kvm_userspace_memory_region, bytes.slice()));
        return 0;
      case KVM_IOCTL.KVM_SET_REGS:
        this.regs = bytes.slice();
        return 0;
      case KVM_IOCTL.KVM_SET_SREGS:
        this.sregs = bytes.slice();
        return 0;
      case KVM_IOCTL.KVM_GET_REGS:
        bytes.set(this.regs);
        return 0;
      case KVM_IOCTL.KVM_GET_SREGS:
        bytes.set(this.sregs);
        return 0;
      case KVM_IOCTL.KVM_GET_SUPPORTED_CPUID:
        bytes.set(bytesOf(create(kvm_cpuid2, { nent: this.supportedCpuid.length, entries: this.supportedCpuid })));
        return 0;
      case KVM_IOCTL.KVM_SET_CPUID2:
        this.cpuid = view(kvm_cpuid2, bytes.slice());
        return 0;
      case KVM_IOCTL.KVM_RUN:
        return (this.#steps.shift() ?? hlt)(this.page);
      default:
        return -ERRNO.EINVAL;
    }
  }

  mmap(fd: number, length: number): UserMapping {
    const bytes = fd === -1 ? new Uint8Array(length) : this.page;
    if (fd === -1) this.memory.push(bytes);
    this.mappings += 1;
    return {
      address: BigInt(0x1000_0000 * this.mappings),
      length,
      bytes,
      read: (offset, count) => bytes.slice(offset, offset + count),
      write: (offset, from) => bytes.set(from, offset),
      unmap: () => {
        this.mappings -= 1;
      },
    };
  }

  close(): number {
    this.files -= 1;
    return 0;
  }

  #newFile(): number {
    this.files += 1;
    return 2 + this.files;
  }
}
