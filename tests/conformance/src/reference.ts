import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { fileURLToPath } from "node:url";
import { HostKvm } from "@likex/kvm-host";
import type { Answers } from "./steps.ts";

/** The answers of a real `/dev/kvm`, and where they are from. */
export interface Reference {
  readonly source: "live" | "recorded";
  /** For a person: which device, and why not this machine's. */
  readonly description: string;
  readonly answers: Answers;
}

/** What recorded/dev-kvm.json holds. */
export interface Recording {
  /** Release of the kernel that answered. */
  readonly linux: string;
  readonly backend: string;
  readonly answers: Answers;
}

const RECORDING = new URL("../recorded/dev-kvm.json", import.meta.url);

/** The committed recording. */
export function readRecording(): Recording {
  return JSON.parse(readFileSync(RECORDING, "utf8")) as Recording;
}

/** Where the recording is. */
export const recordingFile: URL = RECORDING;

/**
 * Plays the suite on the machine's device, in a process of its own: the timer that ends a guest that never stops works
 * on a main thread only.
 *
 * @throws Error when that process fails.
 */
export function askDevice(): Answers {
  const program = fileURLToPath(new URL("../scripts/device-answers.ts", import.meta.url));
  const options = ["--import", "tsx", "--conditions=@likex/source", program];
  const { status, stdout, stderr } = spawnSync(process.execPath, options, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`the suite did not run on /dev/kvm: ${stderr}`);
  return JSON.parse(stdout) as Answers;
}

/** The machine's own device where it can be used, else the recording. */
export function reference(): Reference {
  const { available, reason } = HostKvm.availability();
  if (available) {
    return { source: "live", description: `this machine's /dev/kvm, Linux ${release()}`, answers: askDevice() };
  }
  const { linux, backend, answers } = readRecording();
  return { source: "recorded", description: `the recording of Linux ${linux} (${backend}): ${reason}`, answers };
}
