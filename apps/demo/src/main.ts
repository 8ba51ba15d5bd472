import { Page } from "./page.ts";
import type { RunRequest } from "./protocol.ts";
import type { WorkerAnswer } from "./worker.ts";

const page = new Page();
let worker: Worker | undefined;

function endRun(): void {
  worker?.terminate();
  worker = undefined;
}

/** A worker for each run, so that a guest that never stops can be ended. */
function startRun(request: RunRequest): void {
  endRun();
  page.showRunning();
  worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerAnswer>) => {
    endRun();
    if ("report" in data) page.showReport(data.report);
    else page.showFailure(data.error);
  });
  worker.addEventListener("error", ({ message }) => {
    endRun();
    page.showFailure(`The virtual machine did not start: ${message || "its worker failed to load"}.`);
  });
  worker.postMessage(request);
}

page.showSamples();
page.form.addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    startRun(page.readRequest());
  } catch (error) {
    page.showFailure(error instanceof Error ? error.message : String(error));
  }
});
page.stopButton.addEventListener("click", () => {
  endRun();
  page.showFailure("Stopped.");
});
page.form.requestSubmit();
