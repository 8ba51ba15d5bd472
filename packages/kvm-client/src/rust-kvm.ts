import { check, request } from "./calls.ts";
import type { KvmDriver } from "./driver.ts";
import type { KvmDevice } from "./kvm.ts";
import { Vm } from "./vm.ts";

/** `/dev/rust_kvm` maps one page for a vCPU, with the port data inside it. */
const RUN_PAGE_BYTES = 4096;

/**
 * The LiKeX personality: one file that is system, VM and vCPU at once, with eight requests. It gives the same
 * {@link Vm} and {@link Vcpu} as {@link Kvm} does; their `close()` leaves the file open, and this one's ends them all.
 */
export class RustKvm implements KvmDevice {
  readonly fd: number;
  readonly #driver: KvmDriver;
  #closed = false;

  private constructor(driver: KvmDriver, fd: number) {
    this.#driver = driver;
    this.fd = fd;
  }

  /** Opens the device file. There is no API version to check: the device lacks the request. */
  static open(driver: KvmDriver, path = "/dev/rust_kvm"): RustKvm {
    return new RustKvm(driver, check("open", driver.open(path), path));
  }

  /** KVM_CREATE_VM: the file's one VM. */
  createVm(): Vm {
    request(this.#driver, this.fd, "KVM_CREATE_VM", 0, "the file's VM");
    return new Vm({ driver: this.#driver, fd: this.fd, files: "shared", vcpuMmapSize: RUN_PAGE_BYTES });
  }

  /** Closes the file, and with it the VM and its vCPU. A second call does nothing. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    check("close", this.#driver.close(this.fd), "the device file");
  }
}
