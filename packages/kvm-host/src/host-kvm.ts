import { isMainThread } from "node:worker_threads";
import { KVM_IOCTL } from "@likex/kvm-abi";
import { type HostKvmAvailability, hostKvmAvailability } from "./availability.ts";
import { HostKvmUnavailableError, HostKvmUsageError } from "./errors.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { type HostMapping, Mapper } from "./mapping.ts";
import { RunTimer } from "./run-timer.ts";

const O_RDWR = 2;
const O_CLOEXEC = 0o2000000;

const { KVM_RUN } = KVM_IOCTL;

/** Options of {@link HostKvm.create}. */
export interface HostKvmOptions {
  /**
   * Milliseconds after which a KVM_RUN that has not come back is interrupted, and gives EINTR; none when left out.
   * It uses the process's SIGALRM and real-time interval timer, and works on the main thread only.
   */
  readonly runTimeoutMs?: number;
  /** The device whose availability is checked; `/dev/kvm` when left out. */
  readonly path?: string;
}

/**
 * The machine's own KVM as a `KvmDriver`: each member is one system call of this process, with the kernel's answers
 * and errno unchanged. A bad pointer given by value is the kernel's to refuse; nothing here interprets requests.
 */
export class HostKvm {
  readonly #libc: Libc;
  readonly #mapper: Mapper;
  readonly #timer: RunTimer | undefined;

  private constructor(libc: Libc, timer: RunTimer | undefined) {
    this.#libc = libc;
    this.#mapper = new Mapper(libc);
    this.#timer = timer;
  }

  /** Whether {@link create} would succeed, and why. Loads koffi, opens the device once and closes it. */
  static availability(path = "/dev/kvm"): HostKvmAvailability {
    return hostKvmAvailability(path);
  }

  /**
   * Binds the C library.
   *
   * @throws HostKvmUnavailableError with the reason when the device or koffi is missing; HostKvmUsageError for a
   * `runTimeoutMs` that is not a positive number, or that is asked for in a worker thread.
   */
  static create(options: HostKvmOptions = {}): HostKvm {
    const { available, reason } = hostKvmAvailability(options.path ?? "/dev/kvm");
    if (!available) {
      throw new HostKvmUnavailableError(reason);
    }
    const libc = loadLibc();
    return new HostKvm(libc, makeTimer(libc, options.runTimeoutMs));
  }

  /** open(2) for reading and writing: a file descriptor, or the negated errno. */
  open(path: string): number {
    return this.#result(this.#libc.open(path, O_RDWR | O_CLOEXEC));
  }

  /** ioctl(2): 0 or more, or the negated errno. A byte array is passed by its address. */
  ioctl(fd: number, request: number, argument: Uint8Array | number | bigint = 0): number {
    if (typeof argument === "object") {
      return this.#result(this.#libc.ioctlPointer(fd, request, argument));
    }
    if (request === KVM_RUN && this.#timer !== undefined) {
      return this.#timer.around(() => this.#result(this.#libc.ioctlValue(fd, request, argument)));
    }
    const value = argument < 0 ? BigInt.asUintN(64, BigInt(argument)) : argument;
    return this.#result(this.#libc.ioctlValue(fd, request, value));
  }

  /** mmap(2), shared for a file and private for fd -1: a mapping with a live view, or the negated errno. */
  mmap(fd: number, length: number): HostMapping | number {
    return this.#mapper.map(fd, length);
  }

  /** close(2): 0, or the negated errno. */
  close(fd: number): number {
    return this.#result(this.#libc.close(fd));
  }

  /** Gives back what the driver itself holds: the timer's signal handler. Files and mappings stay the caller's. */
  dispose(): void {
    this.#timer?.dispose();
  }

  #result(result: number): number {
    return result === -1 ? -this.#libc.errno() : result;
  }
}

function makeTimer(libc: Libc, timeoutMs: number | undefined): RunTimer | undefined {
  if (timeoutMs === undefined) {
    return undefined;
  }
  if (!(timeoutMs > 0 && Number.isFinite(timeoutMs))) {
    throw new HostKvmUsageError(
      `runTimeoutMs is ${timeoutMs}; give a positive number of milliseconds, or leave it out.`,
    );
  }
  if (!isMainThread) {
    throw new HostKvmUsageError(
      "runTimeoutMs was asked for in a worker thread, where its signal would not arrive; run the driver on the main thread.",
    );
  }
  return new RunTimer(libc, timeoutMs);
}
