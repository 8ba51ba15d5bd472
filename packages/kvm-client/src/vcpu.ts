import { ERRNO, KVM_IOCTL } from "@likex/kvm-abi";
import { check, request } from "./calls.ts";
import { type CpuidEntry, encodeCpuidTable, readCpuidTable } from "./cpuid.ts";
import type { KvmDriver, UserMapping } from "./driver.ts";
import { KvmError, KvmUsageError } from "./errors.ts";
import type { VcpuExit } from "./exits.ts";
import { decodeRegs, encodeRegs, REGS_BYTES, type Regs } from "./registers.ts";
import { RunPage } from "./run-page.ts";
import { decodeSregs, encodeSregs, SREGS_BYTES, type Sregs } from "./special-registers.ts";

/** Read once: the request of every exit. */
const { KVM_RUN } = KVM_IOCTL;

/** A virtual processor. Made by {@link Vm.createVcpu}. */
export class Vcpu {
  /** The file descriptor: the vCPU's own, or the one that all layers share. */
  readonly fd: number;
  /** The id that the vCPU was created with. */
  readonly id: number;
  readonly #driver: KvmDriver;
  readonly #mapping: UserMapping;
  readonly #page: RunPage;
  readonly #ownsFile: boolean;
  readonly #scratch = new Uint8Array(SREGS_BYTES);
  #closed = false;

  /** Takes over a created vCPU and its mapped run page; `file` says whether `close()` closes the descriptor. */
  constructor(options: { driver: KvmDriver; fd: number; id: number; mapping: UserMapping; file: "own" | "shared" }) {
    const { bytes } = options.mapping;
    if (bytes === undefined) {
      throw new KvmUsageError(
        "The driver mapped a vCPU's run page without a live view; a KvmDriver must give `bytes` for it.",
      );
    }
    this.#driver = options.driver;
    this.fd = options.fd;
    this.id = options.id;
    this.#mapping = options.mapping;
    this.#page = new RunPage(bytes);
    this.#ownsFile = options.file === "own";
  }

  /** The whole mapped `struct kvm_run` and what follows it, live. */
  get runPage(): Uint8Array {
    return this.#mapping.bytes!;
  }

  /** While true, `run()` returns at once with `intr`, after it has completed the last exit's IN or MMIO read. */
  get immediateExit(): boolean {
    return this.#page.immediateExit;
  }

  set immediateExit(value: boolean) {
    this.#page.immediateExit = value;
  }

  /**
   * KVM_RUN: runs the guest until it needs the VMM. A first IN or MMIO read is completed with what the VMM put in the
   * last exit's `data`. EINTR is the exit `intr`; the object returned is reused by the next call.
   *
   * @throws KvmError for any other errno.
   */
  run(): VcpuExit {
    const result = this.#driver.ioctl(this.fd, KVM_RUN, 0);
    if (result === 0) {
      return this.#page.decode();
    }
    if (result === -ERRNO.EINTR) {
      return this.#page.interrupted();
    }
    throw new KvmError("KVM_RUN", -result, `vCPU ${this.id}`);
  }

  /** KVM_GET_REGS. After an exit for IN or an MMIO read, `rip` is still at the instruction. */
  getRegs(): Regs {
    const bytes = this.#scratch.subarray(0, REGS_BYTES);
    request(this.#driver, this.fd, "KVM_GET_REGS", bytes, `vCPU ${this.id}`);
    return decodeRegs(bytes);
  }

  /** KVM_SET_REGS: all of them; spread {@link getRegs} to change a few. */
  setRegs(regs: Regs): void {
    const bytes = this.#scratch.subarray(0, REGS_BYTES);
    encodeRegs(regs, bytes);
    request(this.#driver, this.fd, "KVM_SET_REGS", bytes, `vCPU ${this.id}, rip 0x${regs.rip.toString(16)}`);
  }

  /** KVM_GET_SREGS. */
  getSregs(): Sregs {
    request(this.#driver, this.fd, "KVM_GET_SREGS", this.#scratch, `vCPU ${this.id}`);
    return decodeSregs(this.#scratch);
  }

  /** KVM_SET_SREGS: all of them; spread {@link getSregs} to change a few. */
  setSregs(sregs: Sregs): void {
    this.#scratch.fill(0);
    encodeSregs(sregs, this.#scratch);
    const { cr0, cr4, efer } = sregs;
    const asked = `vCPU ${this.id}, cr0 0x${cr0.toString(16)}, cr4 0x${cr4.toString(16)}, efer 0x${efer.toString(16)}`;
    request(this.#driver, this.fd, "KVM_SET_SREGS", this.#scratch, asked);
  }

  /** KVM_GET_CPUID2: what CPUID answers, with the bits that follow control registers as they are now. */
  getCpuid(): CpuidEntry[] {
    return readCpuidTable(this.#driver, this.fd, "KVM_GET_CPUID2", `vCPU ${this.id}`);
  }

  /** KVM_SET_CPUID2: what CPUID answers from now on. Before the first {@link run}. @throws KvmUsageError. */
  setCpuid(entries: readonly CpuidEntry[]): void {
    const asked = `vCPU ${this.id}, ${entries.length} entries`;
    request(this.#driver, this.fd, "KVM_SET_CPUID2", encodeCpuidTable(entries), asked);
  }

  /** Unmaps the run page and closes the vCPU's file. A second call does nothing. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#mapping.unmap();
    if (this.#ownsFile) {
      check("close", this.#driver.close(this.fd), `vCPU ${this.id}`);
    }
  }
}
