// Records the answers of the machine's /dev/kvm in recorded/dev-kvm.json.
import { existsSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { askDevice, type Recording, recordingFile } from "../src/reference.ts";

const backend =
  ["kvm_intel", "kvm_amd", "kvm_pvm"].find((name) => existsSync(`/sys/module/${name}`)) ?? "unknown backend";
const recording: Recording = { linux: release(), backend, answers: askDevice() };
const cases = Object.entries(recording.answers).map(
  ([name, answers]) =>
    `${JSON.stringify(name)}: {\n${Object.entries(answers)
      .map(([ask, answer]) => `  ${JSON.stringify(ask)}: ${JSON.stringify(answer)}`)
      .join(",\n")}\n}`,
);
const { linux } = recording;
writeFileSync(
  recordingFile,
  `{\n"linux": ${JSON.stringify(linux)},\n"backend": ${JSON.stringify(backend)},\n"answers": {\n${cases.join(",\n")}\n}\n}\n`,
);
console.log(`recorded ${cases.length} cases of Linux ${linux}, ${backend}`);
