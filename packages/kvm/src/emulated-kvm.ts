import type { CpuOptions } from "@likex/cpu-executor";
import { HostMemory, OutOfHostMemoryError } from "@likex/host-memory";
import { ERRNO, ioctlName, KVM_IOCTL } from "@likex/kvm-abi";
import { InvalidOptionError } from "./errors.ts";
import { FileTable, type OpenFile } from "./file.ts";
import { Kernel } from "./kernel.ts";
import { SystemFile } from "./kvm-files.ts";
import { PERSONALITIES } from "./personality.ts";
import { RustKvmFile } from "./rust-kvm-file.ts";
import type { TraceSink } from "./trace-events.ts";
import { AnonymousMapping, type UserMapping } from "./user-mapping.ts";
import type { IoctlArgument } from "./user-pointer.ts";

const PAGE = 4096;
/** Read once: the request of every exit. */
const { KVM_RUN } = KVM_IOCTL;

/** Options of {@link EmulatedKvm.create}. */
export interface EmulatedKvmOptions {
  /** Host memory to allocate: guest memory that is in use and all tables must fit. Default 256 MiB. */
  readonly memoryBytes?: number;
  /** Host memory to use instead of its own. */
  readonly hostMemory?: HostMemory;
  /** Told of everything that happens below the system calls. Costs nothing when left out. */
  readonly trace?: TraceSink;
  /**
   * Guest instructions (1 or more) after which KVM_RUN returns -EINTR with exit reason KVM_EXIT_INTR, as if a timer's signal had
   * arrived. Default: never.
   */
  readonly instructionsPerRun?: number;
  /** Compiles hot guest code: createJit() of "@likex/cpu-executor/jit". Absent: everything is interpreted. */
  readonly jit?: CpuOptions["jit"];
}

/**
 * A KVM whose processor is emulated: the device files `/dev/kvm` and `/dev/rust_kvm`, with Linux's requests, layouts and
 * errno. A `KvmDriver`. What the kernel would refuse is answered with a negated errno; nothing throws for it.
 */
export class EmulatedKvm {
  readonly hostMemory: HostMemory;
  readonly #kernel: Kernel;
  readonly #files = new FileTable();

  private constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.hostMemory = kernel.memory;
  }

  /** Throws InvalidOptionError for an option out of range. */
  static create(options: EmulatedKvmOptions = {}): EmulatedKvm {
    const { memoryBytes, trace, jit, instructionsPerRun = Number.POSITIVE_INFINITY } = options;
    if (!(instructionsPerRun >= 1)) {
      throw new InvalidOptionError(`instructionsPerRun is ${instructionsPerRun}; give 1 or more, or leave it out`);
    }
    const memory = options.hostMemory ?? HostMemory.create(memoryBytes === undefined ? {} : { bytes: memoryBytes });
    return new EmulatedKvm(new Kernel({ memory, trace, jit, instructionsPerRun }));
  }

  /** Opens a device file: a descriptor, or -ENOENT for any other path. */
  open(path: string): number {
    const file =
      path === PERSONALITIES.kvm.path
        ? new SystemFile(this.#kernel, this.#files)
        : path === PERSONALITIES.rust_kvm.path
          ? new RustKvmFile(this.#kernel)
          : undefined;
    if (file === undefined) return -ERRNO.ENOENT;
    const fd = this.#files.install(file);
    this.#kernel.trace?.({ type: "open", path, fd });
    return fd;
  }

  /**
   * Performs a request. Bytes stand for a pointer to them and are changed in place; a number or bigint is the argument's
   * raw value, so for a request that takes a pointer it is a user address. Returns 0 or more, or the negated errno.
   */
  ioctl(fd: number, request: number, argument?: IoctlArgument): number {
    const file = this.#files.find(fd);
    if (file === undefined) return -ERRNO.EBADF;
    if (request === KVM_RUN && this.#kernel.trace === undefined) return runFile(file, argument);
    return this.#request(file, fd, request, argument);
  }

  #request(file: OpenFile, fd: number, request: number, argument: IoctlArgument | undefined): number {
    const { trace } = this.#kernel;
    // LiKeX's log names this request when it is done.
    const isCreateVm = request === KVM_IOCTL.KVM_CREATE_VM;
    if (trace !== undefined && !isCreateVm) trace({ type: "ioctl", name: ioctlName(request), fd });
    try {
      return file.ioctl(request >>> 0, argument);
    } catch (error) {
      if (error instanceof OutOfHostMemoryError) return -ERRNO.ENOMEM;
      throw error;
    } finally {
      if (trace !== undefined && isCreateVm) trace({ type: "ioctl", name: ioctlName(request), fd });
    }
  }

  /** Maps a vCPU's run area, or with fd -1 anonymous zeroed memory. Returns the mapping, or the negated errno. */
  mmap(fd: number, length: number): UserMapping | number {
    if (!(Number.isSafeInteger(length) && length > 0)) return -ERRNO.EINVAL;
    const rounded = Math.ceil(length / PAGE) * PAGE;
    if (fd === -1) return new AnonymousMapping(this.#kernel.space, rounded);
    const file = this.#files.find(fd);
    if (file === undefined) return -ERRNO.EBADF;
    const mapping = file.mmap(rounded);
    if (typeof mapping !== "number") {
      this.#kernel.trace?.({ type: "mmap", userspaceAddr: mapping.address, length: mapping.length });
    }
    return mapping;
  }

  /** Closes a descriptor: 0 or -EBADF. A VM ends with the last descriptor and mapping of it and of its vCPUs. */
  close(fd: number): number {
    return this.#files.close(fd) ? 0 : -ERRNO.EBADF;
  }

  /**
   * Guest instructions that all its processors executed until now, without those that the hypervisor carried out for
   * them (IN, OUT, CPUID, HLT and their like).
   */
  get instructionsRetired(): number {
    return this.#kernel.instructionsRetired;
  }

  /** Closes all files and frees everything but the host memory itself. The object must not be used afterwards. */
  dispose(): void {
    this.#files.closeAll();
    this.#kernel.dispose();
  }
}

const runFile = (file: OpenFile, argument: IoctlArgument): number => {
  try {
    return file.run(argument);
  } catch (error) {
    if (error instanceof OutOfHostMemoryError) return -ERRNO.ENOMEM;
    throw error;
  }
};
