import { KVM_API_VERSION } from "@likex/kvm-abi";
import { check, request } from "./calls.ts";
import { type CpuidEntry, readCpuidTable } from "./cpuid.ts";
import type { KvmDriver } from "./driver.ts";
import { KvmClientError } from "./errors.ts";
import { Vm } from "./vm.ts";

/** What {@link Kvm} and {@link RustKvm} have in common. */
export interface KvmDevice {
  readonly fd: number;
  createVm(): Vm;
  close(): void;
}

/** The system file of `/dev/kvm`. */
export class Kvm implements KvmDevice {
  readonly fd: number;
  readonly #driver: KvmDriver;
  #closed = false;

  private constructor(driver: KvmDriver, fd: number) {
    this.#driver = driver;
    this.fd = fd;
  }

  /**
   * Opens the device and checks its API version.
   *
   * @throws KvmError when it cannot be opened; KvmClientError when its API version is not 12.
   */
  static open(driver: KvmDriver, path = "/dev/kvm"): Kvm {
    const kvm = new Kvm(driver, check("open", driver.open(path), path));
    const version = kvm.getApiVersion();
    if (version !== KVM_API_VERSION) {
      kvm.close();
      throw new KvmClientError(
        `${path} has KVM API version ${version}; this client needs ${KVM_API_VERSION}. Update the kernel.`,
      );
    }
    return kvm;
  }

  /** KVM_GET_API_VERSION. */
  getApiVersion(): number {
    return request(this.#driver, this.fd, "KVM_GET_API_VERSION", 0, "the API version");
  }

  /** KVM_CHECK_EXTENSION: 0 when the capability is absent, else 1 or the capability's number. */
  checkExtension(capability: number): number {
    return request(this.#driver, this.fd, "KVM_CHECK_EXTENSION", capability, `capability ${capability}`);
  }

  /** KVM_GET_VCPU_MMAP_SIZE: bytes of a vCPU's mapping. */
  getVcpuMmapSize(): number {
    return request(this.#driver, this.fd, "KVM_GET_VCPU_MMAP_SIZE", 0, "the size of a vCPU's mapping");
  }

  /** KVM_GET_SUPPORTED_CPUID: what CPUID may tell a guest here. A vCPU's own APIC id is the caller's to fill in. */
  getSupportedCpuid(): CpuidEntry[] {
    return readCpuidTable(this.#driver, this.fd, "KVM_GET_SUPPORTED_CPUID", "the CPUID that a guest may see");
  }

  /** KVM_CREATE_VM. */
  createVm(): Vm {
    const vcpuMmapSize = this.getVcpuMmapSize();
    const fd = request(this.#driver, this.fd, "KVM_CREATE_VM", 0, "a VM of type 0");
    return new Vm({ driver: this.#driver, fd, files: "separate", vcpuMmapSize });
  }

  /** Closes the system file; VMs that were created stay. A second call does nothing. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    check("close", this.#driver.close(this.fd), "the system file");
  }
}
