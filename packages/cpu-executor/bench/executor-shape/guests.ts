import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../../../tests/bench-guests/", import.meta.url));

/** No vector code and no library calls in the measured code. */
const FLAGS = [
  ...["-O2", "-std=gnu11", "-ffreestanding", "-fno-builtin", "-fno-pic", "-fno-pie", "-fno-stack-protector"],
  ...["-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-tree-vectorize", "-m64", "-mno-red-zone"],
  ...["-fno-tree-loop-distribute-patterns", "-mgeneral-regs-only", "-DGUEST"],
];

/** A guest as its file: segments at their physical addresses, and the addresses that a start in long mode needs. */
export interface Guest {
  readonly name: string;
  readonly segments: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly entry: number;
  readonly stack: number;
}

/** Why the guests cannot be built here, or undefined. */
export function guestsMissing(): string | undefined {
  const tools = ["gcc", "ld", "nm"].filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
  return tools.length === 0 ? undefined : `no ${tools.join(", ")} to build the benchmark guests`;
}

/** Compiles and links a benchmark of tests/bench-guests. */
export function buildGuest(name: string): Guest {
  const directory = mkdtempSync(join(tmpdir(), "likex-guest-"));
  try {
    const objects = [`bench_${name}.c`, "rt_main.c", "rt_guest.c", "start64.S"].map((source) => {
      const object = join(directory, `${source}.o`);
      execFileSync("gcc", [...FLAGS, "-c", "-o", object, join(SOURCES, source)]);
      return object;
    });
    const image = join(directory, "guest.elf");
    const link = ["-m", "elf_x86_64", "-n", "-nostdlib", "-T", join(SOURCES, "guest.ld"), "-o", image];
    execFileSync("ld", [...link, ...objects], { stdio: ["ignore", "ignore", "ignore"] });
    const symbols = execFileSync("nm", [image], { encoding: "utf8" });
    const symbol = (wanted: string): number =>
      Number.parseInt(new RegExp(`^([0-9a-f]+) \\w ${wanted}$`, "m").exec(symbols)?.[1] ?? "0", 16);
    return { name, segments: segmentsOf(readFileSync(image)), entry: symbol("rt_start"), stack: symbol("stack_top") };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const PT_LOAD = 1;

function segmentsOf(elf: Buffer): Guest["segments"] {
  const table = Number(elf.readBigUInt64LE(32));
  return Array.from({ length: elf.readUInt16LE(56) }, (_, i) => table + i * 56)
    .filter((at) => elf.readUInt32LE(at) === PT_LOAD)
    .map((at) => {
      const offset = Number(elf.readBigUInt64LE(at + 8));
      const size = Number(elf.readBigUInt64LE(at + 32));
      return { address: Number(elf.readBigUInt64LE(at + 24)), bytes: elf.subarray(offset, offset + size) };
    });
}
