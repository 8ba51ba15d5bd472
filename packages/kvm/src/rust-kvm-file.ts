import { ERRNO, KVM_IOCTL } from "@likex/kvm-abi";
import { OpenFile } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import { PERSONALITIES } from "./personality.ts";
import { runVcpu } from "./run-loop.ts";
import type { UserMapping } from "./user-mapping.ts";
import type { IoctlArgument } from "./user-pointer.ts";
import type { Vcpu } from "./vcpu.ts";
import { mapRunArea, registerRequest } from "./vcpu-requests.ts";
import { Vm } from "./vm.ts";
import { createVcpu, setUserMemoryRegion } from "./vm-requests.ts";

/**
 * An open `/dev/rust_kvm`: system, VM and vCPU at once, with eight requests. Each open file has its own VM, with one
 * vCPU. A request that needs what has not been created gives ENOENT, a second creation EEXIST.
 */
export class RustKvmFile extends OpenFile {
  readonly #kernel: Kernel;
  #vm: Vm | undefined;
  #vcpu: Vcpu | undefined;

  constructor(kernel: Kernel) {
    super();
    this.#kernel = kernel;
  }

  ioctl(request: number, argument: IoctlArgument): number {
    switch (request) {
      case KVM_IOCTL.KVM_RUN:
        return this.run();
      case KVM_IOCTL.KVM_CREATE_VM:
        if (this.#vm !== undefined) return -ERRNO.EEXIST;
        this.#vm = new Vm(this.#kernel, PERSONALITIES.rust_kvm);
        return 0;
      case KVM_IOCTL.KVM_CREATE_VCPU:
        return this.#createVcpu();
      case KVM_IOCTL.KVM_SET_USER_MEMORY_REGION:
        return this.#vm === undefined ? -ERRNO.ENOENT : setUserMemoryRegion(this.#vm, argument);
      case KVM_IOCTL.KVM_GET_REGS:
      case KVM_IOCTL.KVM_SET_REGS:
      case KVM_IOCTL.KVM_GET_SREGS:
      case KVM_IOCTL.KVM_SET_SREGS:
        if (this.#vcpu === undefined) return -ERRNO.ENOENT;
        return registerRequest(this.#vcpu, request, argument) ?? -ERRNO.EINVAL;
      default:
        return -ERRNO.EINVAL;
    }
  }

  override run(): number {
    return this.#vcpu === undefined ? -ERRNO.ENOENT : runVcpu(this.#vcpu);
  }

  mmap(length: number): UserMapping | number {
    return this.#vcpu === undefined ? -ERRNO.ENOENT : mapRunArea(this.#vcpu, length, this);
  }

  /** The id is ignored: the vCPU is number 0. */
  #createVcpu(): number {
    if (this.#vm === undefined) return -ERRNO.ENOENT;
    const vcpu = createVcpu(this.#vm, 0);
    if (typeof vcpu === "number") return vcpu;
    this.#vcpu = vcpu;
    return 0;
  }

  protected release(): void {
    this.#vm?.put();
  }
}
