import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A program of `programs/`. */
export interface Program {
  /** How it ends: with a write to port f4h, or with a triple fault. */
  readonly ends: "exit" | "shutdown";
  /** Checks in which QEMU TCG does not do what the manual says, though the program asks it: see the README. */
  readonly qemuDiffers: readonly string[];
  /** It needs interrupts, which the machine behind KVM does not have. */
  readonly needsInterrupts?: true;
  /** Checks in which the processor does not do what the manual says when KVM carries out its instructions. */
  readonly kvmDiffers?: readonly string[];
}

const exits = (...qemuDiffers: readonly string[]): Program => ({ ends: "exit", qemuDiffers });

/** QEMU TCG never sets the EXT bit of an error code. */
const UNDEFINED_OPCODE_GATES = [
  "undefined opcode whose gate is absent",
  "undefined opcode whose gate is a task gate to code",
  "undefined opcode without a gate",
  "undefined opcode whose gate names data",
  "undefined opcode whose gate names nothing",
];

/** QEMU TCG reads what an instruction changes before it finds that it cannot write it. */
const READ_FIRST = ["supervisor page: level 3 reads to write", "a locked one"];

/** QEMU TCG leaves bit 0 clear in the error code of a reserved bit. */
const RESERVED_BITS_32 = [
  ...["4 MiB: reserved bit", "4 MiB: reserved bit: level 3 writes"],
  ...["pae: bit 52", "pae: bit 62", "pae: bit 51, beyond the physical addresses"],
  ...["pae: bit 63 without NXE", "pae: directory's bit 63 without NXE"],
  ...["2 MiB: reserved bit 13", "2 MiB: reserved bit 20"],
];
const RESERVED_BITS_64 = [
  ...["2 MiB: reserved bit 13", "2 MiB: reserved bit 20"],
  ...["1 GiB: reserved bit 13", "1 GiB: reserved bit 29", "bit 7 of the top level"],
  ...["bit 51, beyond the physical addresses", "bit 51 of the top level"],
  ...["bit 51 of the third level", "bit 51 of the second level"],
];
const IMPLICIT_ACCESS = ["smap: a descriptor table in a user page", "smap: a descriptor table in a user page: address"];

export const PROGRAMS: Readonly<Record<string, Program>> = {
  segments32: exits("fault pushes RF"),
  events32: exits("int1"),
  invalidation64: exits("code behind invlpg elsewhere in its large page"),
  pae32: exits(),
  long64: exits("wrfsbase not canonical", "sysenter without cs", "int of level 0"),
  interrupts32: { ...exits(), needsInterrupts: true },
  real16: exits("int1"),
  faults32: exits(
    "x87 error at the next instruction",
    "sse error",
    "sse error without OSXMMEXCPT",
    "mxcsr reserved",
    "page fault on both",
    "undefined opcode before a page fault",
    ...UNDEFINED_OPCODE_GATES,
    "exception beyond the table",
  ),
  debug32: {
    ...exits(
      "dr6 of ones",
      "execution of a repetition: count",
      "two at once: dr6",
      "a step and a write: count",
      "a step and a write: eip",
    ),
    // KVM completes port accesses without a look at DR7.
    kvmDiffers: ["in", "out", "the second port of two"].flatMap((name) =>
      ["count", "eip", "dr6"].map((part) => `${name}: ${part}`),
    ),
  },
  faults64: exits("int n whose gate is absent", "int n beyond the table"),
  features64: exits("rdseed, or undefined", "linear addresses have 48 bits"),
  debug64: exits(),
  gates32: exits("gate to conforming code: cs"),
  virtual8086: exits("int n to level 1", "int n to level 1: code"),
  code32: exits(),
  code64: exits(),
  shutdown16: { ends: "shutdown", qemuDiffers: [] },
  shutdown32: { ends: "shutdown", qemuDiffers: [] },
  shutdown64: { ends: "shutdown", qemuDiffers: [] },
  paging32: exits(...READ_FIRST, ...RESERVED_BITS_32, "pae: pointers are not marked"),
  paging64: exits(...READ_FIRST, ...RESERVED_BITS_64, ...IMPLICIT_ACCESS),
  transfers64: exits("iretq to an absent ss", "lar of a task gate", "syscall: the mask clears AC"),
  tasks32: exits("task in the LDT", "task gate to the LDT"),
};

/** Where the multiboot header has the program loaded. */
export const LOAD_ADDRESS = 0x100000;
/** Offset of the entry point in the multiboot header. */
const ENTRY_AT = 28;

const DIRECTORY = fileURLToPath(new URL("../programs/", import.meta.url));

export const imagePath = (name: string): string => join(DIRECTORY, `${name}.base64`);

/** The committed image of a program. */
export const imageOf = (name: string): Uint8Array =>
  Uint8Array.from(Buffer.from(readFileSync(imagePath(name), "utf8"), "base64"));

export const entryOf = (image: Uint8Array): number =>
  new DataView(image.buffer, image.byteOffset).getUint32(ENTRY_AT, true);

export const formatImage = (image: Uint8Array): string =>
  `${Buffer.from(image)
    .toString("base64")
    .replace(/.{1,120}/g, "$&\n")}`;

/** Whether nasm is installed. */
export function hasNasm(): boolean {
  try {
    execFileSync("nasm", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Assembles a program. */
export function assemble(name: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "likex-modes-"));
  try {
    const output = join(directory, "program.bin");
    execFileSync("nasm", ["-f", "bin", "-I", DIRECTORY, "-o", output, join(DIRECTORY, `${name}.asm`)]);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The lines of an output that are no passed checks: the end, and what is wrong. */
export const notOk = (output: string): string[] => output.split("\n").filter((line) => !line.startsWith("ok "));

/** Whether a line reports that a check is wrong. */
export const isBad = (line: string, check: string): boolean =>
  line.startsWith(`BAD ${check} got=`) || line.startsWith(`BAD ${check} vector=`);

/** What notOk() finds when nothing is wrong. */
export const endOf = ({ ends }: Program): readonly string[] => (ends === "exit" ? ["done", ""] : [""]);
