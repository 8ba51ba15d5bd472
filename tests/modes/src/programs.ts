import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Programs of `programs/`, and the checks in which QEMU TCG does not do what the manual says. */
export const PROGRAMS: Readonly<Record<string, { readonly qemuDiffers: readonly string[] }>> = {
  segments32: { qemuDiffers: ["fault pushes RF"] },
  events32: { qemuDiffers: ["int1"] },
  invalidation64: { qemuDiffers: ["code behind invlpg elsewhere in its large page"] },
  pae32: { qemuDiffers: [] },
  long64: { qemuDiffers: ["wrfsbase not canonical", "sysenter without cs", "int of level 0"] },
};

/** Where the multiboot header has the program loaded. */
export const LOAD_ADDRESS = 0x100000;
/** Offset of the entry point in the multiboot header. */
const ENTRY_AT = 28;

const DIRECTORY = fileURLToPath(new URL("../programs/", import.meta.url));

const imagePath = (name: string): string => join(DIRECTORY, `${name}.base64`);

/** The committed image of a program. */
export const imageOf = (name: string): Uint8Array =>
  Uint8Array.from(Buffer.from(readFileSync(imagePath(name), "utf8"), "base64"));

export const entryOf = (image: Uint8Array): number =>
  new DataView(image.buffer, image.byteOffset).getUint32(ENTRY_AT, true);

export const formatImage = (image: Uint8Array): string =>
  `${Buffer.from(image)
    .toString("base64")
    .replace(/.{1,120}/g, "$&\n")}`;

export { imagePath };

/** Whether nasm is installed. */
export function hasNasm(): boolean {
  try {
    execFileSync("nasm", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Assembles a program; `lax` leaves out the faults that QEMU TCG does not raise. */
export function assemble(name: string, faults: "all" | "lax" = "all"): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "likex-modes-"));
  try {
    const output = join(directory, "program.bin");
    execFileSync("nasm", [
      ...(faults === "lax" ? ["-DLAX"] : []),
      "-f",
      "bin",
      "-I",
      DIRECTORY,
      "-o",
      output,
      join(DIRECTORY, `${name}.asm`),
    ]);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
