import type { Libc } from "./libc.ts";

const ITIMER_REAL = 0;

/**
 * Ends a KVM_RUN that lasts too long: SIGALRM makes the kernel leave the guest and return EINTR.
 *
 * The timer repeats, so a signal that comes in the moment between arming and entering the guest is followed by another.
 */
export class RunTimer {
  readonly #libc: Libc;
  readonly #arm: Uint8Array;
  readonly #disarm: Uint8Array;
  readonly #onAlarm: () => void;

  /** `timeoutMs` is above 0; resolution is a microsecond. */
  constructor(libc: Libc, timeoutMs: number) {
    this.#libc = libc;
    const microseconds = Math.max(1, Math.round(timeoutMs * 1000));
    const seconds = BigInt(Math.floor(microseconds / 1e6));
    const rest = BigInt(microseconds % 1e6);
    this.#arm = new Uint8Array(new BigInt64Array([seconds, rest, seconds, rest]).buffer);
    this.#disarm = new Uint8Array(this.#arm.length);
    this.#onAlarm = () => {};
    // Without a handler SIGALRM would end the process; an ignored signal would not interrupt KVM_RUN.
    process.on("SIGALRM", this.#onAlarm);
  }

  /** Calls `run` with the timer armed. */
  around(run: () => number): number {
    this.#libc.setitimer(ITIMER_REAL, this.#arm);
    const result = run();
    this.#libc.setitimer(ITIMER_REAL, this.#disarm);
    return result;
  }

  /** Gives the signal back. */
  dispose(): void {
    this.#libc.setitimer(ITIMER_REAL, this.#disarm);
    process.off("SIGALRM", this.#onAlarm);
  }
}
