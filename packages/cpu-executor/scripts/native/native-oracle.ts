import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FX_BYTES, type NativeResult, type NativeState, WINDOW_BYTES } from "../../test/support/native-state.ts";

const INPUT_BYTES = 16 * 8 + 8 + 16 + 8 + WINDOW_BYTES + FX_BYTES;
const OUTPUT_BYTES = 16 * 8 + 8 + 8 + WINDOW_BYTES + FX_BYTES;

export interface NativeCase {
  readonly code: Uint8Array;
  readonly state: NativeState;
}

/** Why this machine cannot execute the cases, or undefined when it can. */
export function nativeOracleMissing(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `not an x86-64 Linux: ${process.platform} ${process.arch}`;
  return spawnSync("gcc", ["--version"]).status === 0 ? undefined : "no gcc";
}

/** This machine's own processor. */
export class NativeOracle {
  readonly #directory: string = mkdtempSync(join(tmpdir(), "likex-oracle-"));
  readonly #program: string = join(this.#directory, "oracle");

  constructor() {
    const source = fileURLToPath(new URL("./oracle.c", import.meta.url));
    execFileSync("gcc", ["-O2", "-Wall", "-fcf-protection=none", "-no-pie", "-fno-pie", "-o", this.#program, source]);
  }

  execute(cases: readonly NativeCase[]): NativeResult[] {
    const input = Buffer.alloc(cases.length * INPUT_BYTES);
    cases.forEach(({ code, state }, i) => {
      const at = i * INPUT_BYTES;
      state.gpr.forEach((value, register) => {
        input.writeBigUInt64LE(value, at + register * 8);
      });
      input.writeBigUInt64LE(BigInt(state.rflags), at + 128);
      input.set(code, at + 136);
      input.writeBigUInt64LE(BigInt(code.length), at + 152);
      input.set(state.memory, at + 160);
      input.set(state.fx, at + 160 + WINDOW_BYTES);
    });
    const output = execFileSync(this.#program, { input, maxBuffer: 1 << 30 });
    return cases.map((_, i) => {
      const at = i * OUTPUT_BYTES;
      return {
        gpr: Array.from({ length: 16 }, (_unused, register) => output.readBigUInt64LE(at + register * 8)),
        rflags: Number(output.readBigUInt64LE(at + 128)),
        trap: Number(output.readBigUInt64LE(at + 136)) - 1,
        memory: Uint8Array.from(output.subarray(at + 144, at + 144 + WINDOW_BYTES)),
        fx: Uint8Array.from(output.subarray(at + 144 + WINDOW_BYTES, at + 144 + WINDOW_BYTES + FX_BYTES)),
      };
    });
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
