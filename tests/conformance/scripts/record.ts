// Records the answers of the machine's /dev/kvm in recorded/dev-kvm.json.
import { existsSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { askDevice, type Recording, recordingFile } from "../src/reference.ts";

const backend =
  ["kvm_intel", "kvm_amd", "kvm_pvm"].find((name) => existsSync(`/sys/module/${name}`)) ?? "unknown backend";
const recording: Recording = { linux: release(), backend, answers: askDevice() };
writeFileSync(recordingFile, `${JSON.stringify(recording, null, 2)}\n`);
console.log(`recorded ${Object.keys(recording.answers).length} cases of Linux ${recording.linux}, ${backend}`);
