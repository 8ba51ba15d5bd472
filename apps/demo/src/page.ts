import { parseBytes, parseNumber, parseRegisters } from "./program-text.ts";
import type { ExitRow, RunReport, RunRequest } from "./protocol.ts";
import { SAMPLES, type Sample } from "./samples.ts";

function find<T extends Element>(selector: string, type: abstract new (...parameters: never[]) => T): T {
  const element = document.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`The page has no ${selector}.`);
  return element;
}

/** The page's elements, in terms of programs and reports. */
export class Page {
  readonly form: HTMLFormElement = find("#program", HTMLFormElement);
  readonly stopButton: HTMLButtonElement = find("#stop", HTMLButtonElement);
  readonly #runButton = find("#run", HTMLButtonElement);
  readonly #sample = find("#sample", HTMLSelectElement);
  readonly #about = find("#about", HTMLParagraphElement);
  readonly #bytes = find("#bytes", HTMLTextAreaElement);
  readonly #loadAddress = find("#load-address", HTMLInputElement);
  readonly #memory = find("#memory", HTMLSelectElement);
  readonly #personality = find("#personality", HTMLSelectElement);
  readonly #registers = find("#registers", HTMLInputElement);
  readonly #output = find("#output", HTMLPreElement);
  readonly #status = find("#status", HTMLParagraphElement);
  readonly #exits = find("#exits tbody", HTMLTableSectionElement);
  readonly #registerValues = find("#register-values", HTMLDListElement);
  readonly #trace = find("#trace", HTMLPreElement);

  /** Offers the samples and shows the first one. */
  showSamples(): void {
    for (const { name } of SAMPLES) this.#sample.add(new Option(name, name));
    this.#sample.addEventListener("change", () => this.#showSample(SAMPLES[this.#sample.selectedIndex]));
    this.#showSample(SAMPLES[0]);
  }

  #showSample(sample: Sample | undefined): void {
    if (sample === undefined) return;
    this.#about.textContent = sample.about;
    this.#bytes.value = sample.bytes;
    this.#loadAddress.value = sample.loadAddress;
    this.#memory.value = sample.memory;
    this.#personality.value = sample.personality;
    this.#registers.value = sample.registers;
  }

  /** What the form asks for. @throws ProgramTextError. */
  readRequest(): RunRequest {
    return {
      bytes: parseBytes(this.#bytes.value),
      loadAddress: Number(parseNumber("load address", this.#loadAddress.value)),
      memory: Number(this.#memory.value),
      personality: this.#personality.value === "kvm" ? "kvm" : "rust_kvm",
      registers: parseRegisters(this.#registers.value),
    };
  }

  showRunning(): void {
    this.#clear();
    this.#setBusy("running");
    this.#setStatus("Running…", "neutral");
  }

  /** A run that did not come to a report. */
  showFailure(message: string): void {
    this.#clear();
    this.#setBusy("idle");
    this.#setStatus(message, "bad");
  }

  showReport(report: RunReport): void {
    this.#setBusy("idle");
    this.#output.textContent = report.output;
    this.#setStatus(report.status, report.halted ? "neutral" : "bad");
    this.#exits.replaceChildren(...report.exits.map(exitRow), ...leftOutRow(report.exitsLeftOut));
    this.#registerValues.replaceChildren(...report.registers.map(([name, value]) => registerItem(name, value)));
    const more = report.traceLeftOut === 0 ? "" : `\n… and ${report.traceLeftOut} lines more`;
    this.#trace.textContent = report.trace.join("\n") + more;
  }

  #clear(): void {
    this.#output.textContent = "";
    this.#trace.textContent = "";
    this.#exits.replaceChildren();
    this.#registerValues.replaceChildren();
  }

  #setBusy(state: "idle" | "running"): void {
    this.#runButton.disabled = state === "running";
    this.stopButton.disabled = state === "idle";
  }

  #setStatus(text: string, mood: "neutral" | "bad"): void {
    this.#status.textContent = text;
    this.#status.classList.toggle("bad", mood === "bad");
  }
}

function exitRow({ rip, reason, details }: ExitRow, index: number): HTMLTableRowElement {
  const row = document.createElement("tr");
  for (const text of [String(index + 1), rip, reason, details]) row.insertCell().textContent = text;
  return row;
}

function leftOutRow(count: number): HTMLTableRowElement[] {
  if (count === 0) return [];
  const row = document.createElement("tr");
  const cell = row.insertCell();
  cell.colSpan = 4;
  cell.textContent = `… and ${count} more`;
  return [row];
}

function registerItem(name: string, value: string): HTMLDivElement {
  const item = document.createElement("div");
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.textContent = value;
  item.append(term, description);
  return item;
}
