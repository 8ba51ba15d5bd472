import { writeSync } from "node:fs";
import pc from "picocolors";
import { BrokenPipeError } from "./errors.ts";

export type Colors = ReturnType<typeof pc.createColors>;

/** Where a command writes. Every write is complete when it returns, so that output and trace keep their order. */
export interface OutputStream {
  /** Colour functions that do nothing unless a person reads the stream. */
  readonly colors: Colors;
  write(data: string | Uint8Array): void;
}

function wait(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Writes all bytes to a file descriptor. A pipe that is full for now (EAGAIN) is tried again. */
export function writeFully(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EPIPE") throw new BrokenPipeError();
      if (code !== "EAGAIN") throw error;
      wait(1);
    }
  }
}

/** The stream of a file descriptor. Colours are for terminals, unless NO_COLOR or TERM=dumb declines them. */
export function openStream(fd: number, isTerminal: boolean): OutputStream {
  const { NO_COLOR = "", TERM } = process.env;
  const isColored = isTerminal && TERM !== "dumb" && NO_COLOR === "";
  return { colors: pc.createColors(isColored), write: (data) => writeFully(fd, data) };
}

/** Colours by the user's choice, or as the stream has them. */
export function chooseColors(when: "auto" | "always" | "never", stream: OutputStream): Colors {
  return when === "auto" ? stream.colors : pc.createColors(when === "always");
}

/** Standard output and standard error of a command. */
export interface Terminal {
  readonly output: OutputStream;
  readonly errors: OutputStream;
}
