import { ERRNO, KVM_IOCTL } from "@likex/kvm-abi";
import type { KvmDriver, UserMapping } from "../src/index.ts";

/** What a test wants a request answered with: a result, or what to do with its argument. */
type Answer = number | ((argument: Uint8Array | number | bigint | undefined) => number);

/** A driver that answers from a table, with memory but no guest. Everything asked of it is in `calls`. */
export class FakeDriver implements KvmDriver {
  readonly calls: string[] = [];
  readonly answers = new Map<number, Answer>([
    [KVM_IOCTL.KVM_GET_API_VERSION, 12],
    [KVM_IOCTL.KVM_GET_VCPU_MMAP_SIZE, 12288],
    [KVM_IOCTL.KVM_CHECK_EXTENSION, 1],
    [KVM_IOCTL.KVM_CREATE_VM, 4],
    [KVM_IOCTL.KVM_CREATE_VCPU, 5],
  ]);
  /** The run page of the last vCPU. */
  runPage: Uint8Array = new Uint8Array(12288);
  mmapResult: number | undefined;
  closeResult = 0;
  liveView: "given" | "absent" = "given";

  open(path: string): number {
    this.calls.push(`open ${path}`);
    return path.startsWith("/dev/") ? 3 : -ERRNO.ENOENT;
  }

  ioctl(fd: number, request: number, argument?: Uint8Array | number | bigint): number {
    const shown = argument instanceof Uint8Array ? `${argument.length} bytes` : String(argument);
    this.calls.push(`ioctl ${fd} ${request.toString(16)} ${shown}`);
    const answer = this.answers.get(request) ?? 0;
    return typeof answer === "number" ? answer : answer(argument);
  }

  mmap(fd: number, length: number): UserMapping | number {
    this.calls.push(`mmap ${fd} ${length}`);
    if (this.mmapResult !== undefined) return this.mmapResult;
    const bytes = new Uint8Array(length);
    if (fd >= 0) this.runPage = bytes;
    const mapping = {
      address: 0x1000n,
      length,
      read: (offset: number, count: number) => bytes.slice(offset, offset + count),
      write: (offset: number, from: Uint8Array) => bytes.set(from, offset),
      unmap: () => {
        this.calls.push(`unmap ${fd}`);
      },
    };
    return this.liveView === "given" ? { ...mapping, bytes } : mapping;
  }

  close(fd: number): number {
    this.calls.push(`close ${fd}`);
    return this.closeResult;
  }
}
