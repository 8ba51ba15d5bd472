import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { normalize } from "../../test/support/compare.ts";
import { writeCase } from "../../test/support/native-case.ts";
import { CODE_PAGE, DATA_PAGES, ENVIRONMENTS, LDT } from "../../test/support/native-environment.ts";
import { NativeMachine } from "../../test/support/native-machine.ts";
import { NativeRecords, RECORD } from "../../test/support/native-record.ts";
import { seedOf } from "../../test/support/native-state.ts";

/** oracle.c: struct header, struct answer. */
const HEADER = { segmentCount: 12, pages: 16, segments: 16 + 16 * 4, size: 16 + 16 * 4 + 64 * 16 } as const;
const ANSWER_BYTES = 16;
const TIMEOUT_MS = 30_000;

const FLAGS = [
  ...["-O2", "-Wall", "-Wextra", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pie"],
  ...["-fno-stack-protector", "-fcf-protection=none", "-mgeneral-regs-only", "-mno-red-zone"],
];

const NOP = Uint8Array.of(0x90);

/** Why this machine cannot execute the cases, or undefined when it can. */
export function nativeOracleMissing(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `not an x86-64 Linux: ${process.platform} ${process.arch}`;
  if (!/^flags\s.*\bfsgsbase\b/m.test(readFileSync("/proc/cpuinfo", "utf8")))
    return "no FSGSBASE, which the oracle needs";
  const { status } = spawnSync("gcc", ["-fsyntax-only", "-include", "asm/ldt.h", "-x", "c", "/dev/null"]);
  return status === 0 ? undefined : "no gcc with Linux's headers";
}

/** Why answers of this machine's processor are not what ours should be, or undefined: where processors differ, ours follows Intel's. */
export function foreignProcessor(): string | undefined {
  const vendor = /^vendor_id\s*:\s*(\S+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown";
  if (vendor === "GenuineIntel") return undefined;
  return `this machine's processor is ${vendor}, and ours follows Intel's where they differ (--any-processor compares)`;
}

export class NativeOracleError extends Error {
  override readonly name = "NativeOracleError";
}

/** This machine's own processor. */
export class NativeOracle {
  readonly #directory: string = mkdtempSync(join(tmpdir(), "likex-oracle-"));
  readonly #program: string = join(this.#directory, "oracle");
  readonly #header: Buffer = Buffer.alloc(HEADER.size);
  /** XCR0 of this machine, after execute(). */
  xcr0 = 0n;
  /** Why there is no LDT. */
  #refused: string | undefined;

  constructor() {
    const source = fileURLToPath(new URL("./oracle.c", import.meta.url));
    execFileSync("gcc", [...FLAGS, "-o", this.#program, source]);
    const header = this.#header;
    header.writeUInt32LE(CODE_PAGE, 4);
    header.writeUInt32LE(DATA_PAGES.length, 8);
    header.writeUInt32LE(LDT.length, HEADER.segmentCount);
    DATA_PAGES.forEach((page, i) => {
      header.writeUInt32LE(page, HEADER.pages + i * 4);
    });
    LDT.forEach((segment, i) => {
      const at = HEADER.segments + i * 16;
      header.writeUInt32LE(i + 1, at);
      header.writeUInt32LE(segment.base, at + 4);
      header.writeUInt32LE(segment.limit, at + 8);
      const { big, contents, restricted, pages, present } = segment;
      header.writeUInt32LE(big | (contents << 1) | (restricted << 3) | (pages << 4) | ((present ^ 1) << 5), at + 12);
    });
  }

  /** A processor of ours that has what this machine's programs have, after execute(). */
  createMachine(): NativeMachine {
    return new NativeMachine({ xcr0: this.xcr0, ldt: this.#refused === undefined ? "present" : "absent" });
  }

  /** Executes the first `count` records; the answers are in `into`, in the form in which ours are. */
  execute(records: NativeRecords, count: number, into: NativeRecords): void {
    const input = join(this.#directory, "in");
    const output = join(this.#directory, "out");
    this.#header.writeUInt32LE(count, 0);
    const bytes = count * RECORD.size;
    const toOracle = openSync(input, "w+");
    const fromOracle = openSync(output, "w+");
    try {
      writeSync(toOracle, this.#header, 0, HEADER.size, 0);
      writeSync(toOracle, records.u8, 0, bytes, HEADER.size);
      const rewound = openSync(input, "r");
      const { status, signal } = spawnSync(this.#program, {
        stdio: [rewound, fromOracle, "inherit"],
        timeout: TIMEOUT_MS,
      });
      closeSync(rewound);
      if (status !== 0) {
        const done = Math.max(0, Math.floor((fstatSync(fromOracle).size - ANSWER_BYTES) / RECORD.size));
        throw new NativeOracleError(`the native oracle ended with ${status ?? signal} in or behind record ${done}`);
      }
      const answer = Buffer.alloc(ANSWER_BYTES);
      readSync(fromOracle, answer, 0, ANSWER_BYTES, 0);
      const refused = answer.readInt32LE(0);
      if (refused !== 0) {
        // A part of an LDT would be no use: our processor has all of it or none.
        this.#refused = `modify_ldt answers errno ${-refused}`;
        this.#header.writeUInt32LE(0, HEADER.segmentCount);
        this.execute(records, count, into);
        return;
      }
      this.xcr0 = answer.readBigUInt64LE(8);
      if (readSync(fromOracle, into.u8, 0, bytes, ANSWER_BYTES) !== bytes)
        throw new NativeOracleError("the native oracle gave too few records");
    } finally {
      closeSync(toOracle);
      closeSync(fromOracle);
    }
    for (let i = 0; i < count; i++) normalize(into, i);
  }

  /** Numbers of the environments whose code this machine cannot execute, and why: a NOP in each is tried. */
  refusedEnvironments(): Map<number, string> {
    const refused = new Map<number, string>();
    const records = new NativeRecords(ENVIRONMENTS.length);
    const answers = new NativeRecords(ENVIRONMENTS.length);
    ENVIRONMENTS.forEach((_, n) => {
      writeCase(records, n, NOP, NOP.length, seedOf(n, "integer", 0));
    });
    this.execute(records, ENVIRONMENTS.length, answers);
    ENVIRONMENTS.forEach(({ name }, n) => {
      const trap = answers.get(n, RECORD.trap) - 1;
      if (trap >= 0) refused.set(n, `${name}: ${this.#refused ?? `exception ${trap} in place of a NOP`}`);
    });
    return refused;
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
