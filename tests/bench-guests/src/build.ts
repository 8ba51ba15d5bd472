import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bits, GuestSource } from "./catalogue.ts";

const SOURCES = fileURLToPath(new URL("../", import.meta.url));

/** No vector code and no library calls in the measured code. */
const FLAGS = [
  ...["-O2", "-std=gnu11", "-ffreestanding", "-fno-builtin", "-fno-pic", "-fno-pie", "-fno-stack-protector"],
  ...["-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-tree-vectorize", "-DGUEST"],
  "-fno-tree-loop-distribute-patterns",
];
const BY_BITS: Readonly<Record<Bits, { readonly flags: readonly string[]; readonly emulation: string }>> = {
  32: { flags: ["-m32", "-march=i686"], emulation: "elf_i386" },
  64: { flags: ["-m64", "-mno-red-zone"], emulation: "elf_x86_64" },
};

/** Why no guest can be built on this machine, or undefined. */
export function guestsMissing(): string | undefined {
  const tools = ["gcc", "ld", "objcopy"].filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
  return tools.length === 0 ? undefined : `no ${tools.join(", ")} to build the benchmark guests`;
}

const run = (tool: string, args: readonly string[]): void => {
  execFileSync(tool, args, { stdio: ["ignore", "ignore", "pipe"] });
};

/** Builds guests in a directory of its own. */
export class GuestBuilder {
  readonly directory: string = mkdtempSync(join(tmpdir(), "likex-bench-guests-"));

  /**
   * Path of a multiboot image. 64-bit code too comes in an ELF32 file, as boot loaders for multiboot want it; NAME.elf64
   * beside it is the same with 64-bit addresses.
   */
  build({ name, source, options }: GuestSource, bits: Bits): string {
    return this.#build({ name, source, options }, bits, name, []);
  }

  /** The same guest, which prints a line "round" whenever a round begins: int, mem, branch and calls, whose rounds are equal. */
  buildWithRounds(guest: GuestSource, bits: Bits): string {
    return this.#build(guest, bits, `${guest.name}-rounds`, ["-DROUNDS"]);
  }

  #build({ name, source, options }: GuestSource, bits: Bits, folder: string, more: readonly string[]): string {
    const { flags, emulation } = BY_BITS[bits];
    const directory = join(this.directory, `${folder}-${bits}`);
    mkdirSync(directory);
    const compile = (file: string, flagsOfFile: readonly string[]): string => {
      const object = join(directory, `${file}.o`);
      run("gcc", [...FLAGS, ...flags, ...flagsOfFile, "-c", "-o", object, join(SOURCES, file)]);
      return object;
    };
    const own = [...options.both, ...options[bits], ...more];
    const objects = [
      compile(`start${bits}.S`, own.includes("-DFLOAT") ? ["-DFLOAT"] : []),
      compile(source, own),
      compile("rt_main.c", ["-mgeneral-regs-only"]),
      compile("rt_guest.c", ["-mgeneral-regs-only"]),
    ];
    const image = join(directory, `${name}.elf`);
    run("ld", ["-m", emulation, "-n", "-nostdlib", "-T", join(SOURCES, "guest.ld"), "-o", image, ...objects]);
    if (bits === 64) {
      writeFileSync(join(directory, `${name}.elf64`), readFileSync(image));
      run("objcopy", ["-O", "elf32-i386", image]);
    }
    return image;
  }

  dispose(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
