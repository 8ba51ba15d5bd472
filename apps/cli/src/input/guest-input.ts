import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { isatty } from "node:tty";

/** What a guest's serial port receives: standard input, without ever waiting for it. */
export interface GuestInput {
  /** The next byte, or -1 while there is none. */
  readonly next: () => number;
  /** Gives a terminal back as it was. */
  readonly close: () => void;
}

const STDIN = 0;
const BUFFER_BYTES = 256;
/** A guest that waits looks a million times a second; the system is asked less often. */
const MILLISECONDS_BETWEEN_READS = 2;
const NONE: GuestInput = { next: () => -1, close: () => {} };

/**
 * Opens standard input for a guest. A terminal hands over each key as it is typed and echoes none, but keeps the keys that
 * send signals: Ctrl-C ends likex whatever the guest does, and Node gives the terminal back on the way out.
 */
export function openGuestInput(): GuestInput {
  const isTerminal = isatty(STDIN);
  if (isTerminal && !isInForeground()) return NONE;
  const restore = isTerminal ? readKeysAtOnce() : () => {};
  const reader = new Reader(openWithoutWaiting());
  return {
    next: () => reader.next(),
    close: () => {
      reader.close();
      restore();
    },
  };
}

class Reader {
  readonly #fd: number;
  readonly #bytes = new Uint8Array(BUFFER_BYTES);
  #next = 0;
  #end = 0;
  #readAgainAt = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  next(): number {
    if (this.#next === this.#end && !this.#fill()) return -1;
    return this.#bytes[this.#next++] as number;
  }

  close(): void {
    if (this.#fd !== STDIN) closeSync(this.#fd);
  }

  #fill(): boolean {
    const now = performance.now();
    if (now < this.#readAgainAt) return false;
    this.#next = 0;
    try {
      this.#end = readSync(this.#fd, this.#bytes);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // EIO: the terminal has gone. A closed standard input is one that never says anything.
      if (code !== "EAGAIN" && code !== "EOF" && code !== "EIO" && code !== "EBADF") throw error;
      this.#end = 0;
    }
    if (this.#end === 0) this.#readAgainAt = now + MILLISECONDS_BETWEEN_READS;
    return this.#end > 0;
  }
}

/** Standard input as a file of its own that does not wait; a socket cannot be opened again and is changed itself. */
function openWithoutWaiting(): number {
  try {
    return openSync("/dev/stdin", constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    void process.stdin; // Node sets O_NONBLOCK when it makes its stream, and reads nothing until told to.
    return STDIN;
  }
}

/** Whether a change of the terminal's settings would stop this process, as one in the background (proc_pid_stat(5): pgrp, tpgid). */
function isInForeground(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foreground;
  } catch {
    return true;
  }
}

/** Without stty, or where it fails, a line arrives when it is ended. */
function readKeysAtOnce(): () => void {
  const stty = (...settings: readonly string[]): string | undefined => {
    const { status, stdout } = spawnSync("stty", settings, { stdio: [STDIN, "pipe", "ignore"], encoding: "utf8" });
    return status === 0 ? stdout.trim() : undefined;
  };
  const before = stty("-g");
  if (before === undefined || before === "" || stty("-icanon", "-echo", "min", "1") === undefined) return () => {};
  return () => {
    stty(before);
  };
}
