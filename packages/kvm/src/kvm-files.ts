import { ERRNO, KVM_API_VERSION, KVM_IOCTL } from "@likex/kvm-abi";
import { checkExtension } from "./capabilities.ts";
import { getCpuid2, getSupportedCpuid, setCpuid2 } from "./cpuid-requests.ts";
import { type FileTable, OpenFile } from "./file.ts";
import type { Kernel } from "./kernel.ts";
import { PERSONALITIES } from "./personality.ts";
import { runVcpu } from "./run-loop.ts";
import type { UserMapping } from "./user-mapping.ts";
import { argumentValue, type IoctlArgument } from "./user-pointer.ts";
import type { Vcpu } from "./vcpu.ts";
import { mapRunArea, registerRequest } from "./vcpu-requests.ts";
import { Vm } from "./vm.ts";
import { createVcpu, setUserMemoryRegion } from "./vm-requests.ts";

const { kvm } = PERSONALITIES;

/** An open `/dev/kvm`. */
export class SystemFile extends OpenFile {
  readonly #kernel: Kernel;
  readonly #files: FileTable;

  constructor(kernel: Kernel, files: FileTable) {
    super();
    this.#kernel = kernel;
    this.#files = files;
  }

  ioctl(request: number, argument: IoctlArgument): number {
    switch (request) {
      case KVM_IOCTL.KVM_GET_API_VERSION:
        return argumentValue(argument) === 0 ? KVM_API_VERSION : -ERRNO.EINVAL;
      case KVM_IOCTL.KVM_CREATE_VM: {
        if (argumentValue(argument) !== 0) return -ERRNO.EINVAL;
        const vm = new Vm(this.#kernel, kvm);
        return this.#files.install(new VmFile(vm, this.#files));
      }
      case KVM_IOCTL.KVM_CHECK_EXTENSION:
        return checkExtension(argumentValue(argument));
      case KVM_IOCTL.KVM_GET_VCPU_MMAP_SIZE:
        return argumentValue(argument) === 0 ? kvm.runAreaBytes : -ERRNO.EINVAL;
      case KVM_IOCTL.KVM_GET_SUPPORTED_CPUID:
        return getSupportedCpuid(this.#kernel, this.#kernel.processor(kvm).supportedCpuid, argument);
      default:
        return -ERRNO.EINVAL;
    }
  }

  mmap(): UserMapping | number {
    return -ERRNO.ENODEV;
  }

  protected release(): void {
    // VMs do not need the file that made them.
  }
}

/** A VM's file. */
export class VmFile extends OpenFile {
  readonly #vm: Vm;
  readonly #files: FileTable;

  /** Takes over the reference that a new VM has. */
  constructor(vm: Vm, files: FileTable) {
    super();
    this.#vm = vm;
    this.#files = files;
  }

  ioctl(request: number, argument: IoctlArgument): number {
    switch (request) {
      case KVM_IOCTL.KVM_CREATE_VCPU: {
        const vcpu = createVcpu(this.#vm, argumentValue(argument));
        return typeof vcpu === "number" ? vcpu : this.#files.install(new VcpuFile(vcpu));
      }
      case KVM_IOCTL.KVM_SET_USER_MEMORY_REGION:
        return setUserMemoryRegion(this.#vm, argument);
      case KVM_IOCTL.KVM_CHECK_EXTENSION:
        return checkExtension(argumentValue(argument));
      default:
        return -ERRNO.ENOTTY;
    }
  }

  mmap(): UserMapping | number {
    return -ERRNO.ENODEV;
  }

  protected release(): void {
    this.#vm.put();
  }
}

/** A vCPU's file, which keeps its VM alive. */
export class VcpuFile extends OpenFile {
  readonly #vcpu: Vcpu;

  constructor(vcpu: Vcpu) {
    super();
    vcpu.vm.get();
    this.#vcpu = vcpu;
  }

  ioctl(request: number, argument: IoctlArgument): number {
    switch (request) {
      case KVM_IOCTL.KVM_RUN:
        return this.run(argument);
      case KVM_IOCTL.KVM_GET_CPUID2:
        return getCpuid2(this.#vcpu, argument);
      case KVM_IOCTL.KVM_SET_CPUID2:
        return setCpuid2(this.#vcpu, argument);
      default:
        return registerRequest(this.#vcpu, request, argument) ?? -ERRNO.EINVAL;
    }
  }

  override run(argument: IoctlArgument): number {
    return argument === 0 || argumentValue(argument) === 0 ? runVcpu(this.#vcpu) : -ERRNO.EINVAL;
  }

  mmap(length: number): UserMapping | number {
    return mapRunArea(this.#vcpu, length, this);
  }

  protected release(): void {
    this.#vcpu.vm.put();
  }
}
