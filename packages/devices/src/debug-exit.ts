import type { PortHandler, PortSize } from "./bus.ts";

/** Where the device is by convention, and how many ports it has. */
export const DEBUG_EXIT: { readonly port: number; readonly ports: number } = { port: 0xf4, ports: 4 };

/**
 * Lets a guest end its virtual machine with an exit code, as QEMU's `isa-debug-exit` does: a write of N, of any size to
 * any of its ports, reports `(N << 1) | 1` as an unsigned 32-bit number. The code is odd, so that no guest can report
 * success by accident: 0 stays free for the machine. Reads give 0.
 */
export class DebugExit implements PortHandler {
  readonly #onExit: (code: number) => void;

  constructor(onExit: (code: number) => void) {
    this.#onExit = onExit;
  }

  read(): number {
    return 0;
  }

  write(_port: number, _size: PortSize, value: number): void {
    this.#onExit(((value << 1) | 1) >>> 0);
  }
}
