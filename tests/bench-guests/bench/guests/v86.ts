import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { V86 } from "v86";

/** Starts a guest in v86, with its JIT or without. `onLine` gets each line that it prints. */
export function startV86(
  { image, n, hasJit }: { readonly image: string; readonly n: number; readonly hasJit: boolean },
  onLine: (line: string) => void,
): V86 {
  const { buffer, byteOffset, byteLength } = readFileSync(image);
  const emulator = new V86({
    wasm_path: fileURLToPath(new URL("v86.wasm", import.meta.resolve("v86"))),
    multiboot: { buffer: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer },
    cmdline: `n=${n}`,
    memory_size: 128 << 20,
    disable_jit: !hasJit,
    autostart: true,
    log_level: 0,
  });
  let line = "";
  emulator.add_listener("serial0-output-byte", (byte: number) => {
    if (byte !== 0x0a) {
      line += String.fromCharCode(byte);
      return;
    }
    onLine(line);
    line = "";
  });
  return emulator;
}

/** Prints a report and ends, at once: the guest is about to write to v86's test port, which throws. */
export function printAndExit(report: object): never {
  console.log(JSON.stringify(report));
  process.exit();
}
