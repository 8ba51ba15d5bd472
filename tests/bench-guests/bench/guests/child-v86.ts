// Runs one guest in v86 without its JIT: node child-v86.ts IMAGE N.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { V86 } from "v86";
import { Stopwatch } from "./measurement.ts";

const [image = "", n = "1"] = process.argv.slice(2);
const { buffer, byteOffset, byteLength } = readFileSync(image);
const stopwatch = new Stopwatch();
let line = "";
const emulator = new V86({
  wasm_path: fileURLToPath(new URL("v86.wasm", import.meta.resolve("v86"))),
  multiboot: { buffer: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer },
  cmdline: `n=${n}`,
  memory_size: 128 << 20,
  disable_jit: true,
  autostart: true,
  log_level: 0,
});
emulator.add_listener("serial0-output-byte", (byte: number) => {
  if (byte !== 0x0a) {
    line += String.fromCharCode(byte);
    return;
  }
  stopwatch.line(line);
  line = "";
  if (stopwatch.run === undefined) return;
  // The guest is about to write to v86's test port, which throws: end before that.
  process.stdout.write(`${JSON.stringify(stopwatch.report(""))}\n`, () => process.exit());
});
