import { check, map, request } from "./calls.ts";
import type { KvmDriver, UserMapping } from "./driver.ts";
import { describeMemoryRegion, encodeMemoryRegion, type MemoryRegion } from "./memory-region.ts";
import { Vcpu } from "./vcpu.ts";

/** How the files of a device relate: one each for system, VM and vCPU, or a single shared one. */
export type FileModel = "separate" | "shared";

/** A virtual machine. Made by {@link Kvm.createVm} or {@link RustKvm.createVm}. */
export class Vm {
  /** The file descriptor: the VM's own, or the one that all layers share. */
  readonly fd: number;
  readonly #driver: KvmDriver;
  readonly #files: FileModel;
  readonly #vcpuMmapSize: number;
  #closed = false;

  /** Takes over a created VM. */
  constructor(options: { driver: KvmDriver; fd: number; files: FileModel; vcpuMmapSize: number }) {
    this.#driver = options.driver;
    this.fd = options.fd;
    this.#files = options.files;
    this.#vcpuMmapSize = options.vcpuMmapSize;
  }

  /**
   * KVM_SET_USER_MEMORY_REGION: creates, moves, changes the flags of, or (memorySize 0) deletes a slot.
   *
   * @throws KvmError EINVAL or EEXIST; the message says what to do.
   */
  setUserMemoryRegion(region: MemoryRegion): void {
    const bytes = encodeMemoryRegion(region);
    request(this.#driver, this.fd, "KVM_SET_USER_MEMORY_REGION", bytes, describeMemoryRegion(region));
  }

  /** Zeroed user memory of `length` bytes that can back a slot. */
  mapMemory(length: number): UserMapping {
    return map(this.#driver, -1, length, `${length} bytes of anonymous memory`);
  }

  /** KVM_CREATE_VCPU, and the mapping of its run page. */
  createVcpu(id = 0): Vcpu {
    const asked = `vCPU id ${id}`;
    const result = request(this.#driver, this.fd, "KVM_CREATE_VCPU", id, asked);
    const separate = this.#files === "separate";
    const fd = separate ? result : this.fd;
    const driver = this.#driver;
    let mapping: UserMapping | undefined;
    try {
      mapping = map(driver, fd, this.#vcpuMmapSize, `the run page of ${asked}`);
      return new Vcpu({ driver, fd, id, mapping, file: separate ? "own" : "shared" });
    } catch (error) {
      mapping?.unmap();
      if (separate) driver.close(fd);
      throw error;
    }
  }

  /** Closes the VM's file. The VM itself lives until its vCPUs are closed too. A second call does nothing. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    if (this.#files === "separate") {
      check("close", this.#driver.close(this.fd), "the VM");
    }
  }
}
