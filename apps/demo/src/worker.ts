import type { RunReport, RunRequest } from "./protocol.ts";
import { runGuest } from "./run-guest.ts";

/** What the worker answers: a report, or why there is none. */
export type WorkerAnswer = { readonly report: RunReport } | { readonly error: string };

self.addEventListener("message", ({ data }: MessageEvent<RunRequest>) => {
  let answer: WorkerAnswer;
  try {
    answer = { report: runGuest(data) };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
});
