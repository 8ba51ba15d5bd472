import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildGuest, type Guest, guestsMissing } from "./executor-shape/guests.ts";
import { type InterpreterUnderTest, Machine } from "./executor-shape/machine.ts";
import { type Variant, variants } from "./executor-shape/variants.ts";

const USAGE = `Measures ways to build the interpreter on benchmark guests in long mode.

  pnpm bench executor-shape [--rounds N] [--millions N] [--variant NAME] [--json]

  --rounds N      rounds over all variants; medians are printed (default 3)
  --millions N    instructions measured after as many for warming up, in millions (default 40)
  --variant NAME  only this one
  --json          one JSON object on stdout`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    millions: { type: "string", default: "40" },
    variant: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** Enough work for every measurement. */
const GUESTS = { int: 200, mem: 60, branch: 100, calls: 3000 } as const;
const SLICE = 200_000;

interface Row {
  readonly name: string;
  readonly what: string;
  readonly handlers: number;
  readonly bytes: number;
  readonly emitMs: number;
  readonly compileMs: number;
  /** MIPS of each round, by guest. */
  readonly mips: Record<string, number[]>;
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;

function execute(machine: Machine, instructions: number): void {
  const end = machine.retired + instructions;
  while (machine.retired < end && !machine.exited) machine.run(SLICE);
}

/** Instructions a microsecond after warming up. */
function measure(machine: Machine, millions: number): number {
  execute(machine, millions * 1e6);
  const before = machine.retired;
  const start = performance.now();
  execute(machine, millions * 1e6);
  return (machine.retired - before) / (performance.now() - start) / 1000;
}

const start = (guest: Guest, test: InterpreterUnderTest): Machine =>
  new Machine(guest, `n=${GUESTS[guest.name as keyof typeof GUESTS]}`, test);

function addRound(row: Row, guest: Guest, mips: number): void {
  row.mips[guest.name] = [...(row.mips[guest.name] ?? []), mips];
}

function prepare(variant: Variant): { row: Row; test: InterpreterUnderTest } {
  variant.build();
  const begin = performance.now();
  const test = variant.build();
  const emitted = performance.now();
  new WebAssembly.Module(test.bytes);
  const compileMs = performance.now() - emitted;
  const { name, what, plan } = variant;
  const size = { handlers: plan.hot.length, bytes: test.bytes.length, emitMs: emitted - begin, compileMs };
  return { row: { name, what, ...size, mips: {} }, test };
}

/** The standard interpreter with records of 64 bytes, in a process of its own: the size is a constant of every part. */
function wideRecords(rounds: string, millions: string): Row | undefined {
  const hook = new URL("./executor-shape/wide-records.mjs", import.meta.url).href;
  const self = fileURLToPath(import.meta.url);
  const args = ["--import", "tsx", "--import", hook, "--conditions=@likex/source", self, "--json"];
  const only = ["--variant", "standard", "--rounds", rounds, "--millions", millions];
  const child = spawnSync(process.execPath, [...args, ...only], { encoding: "utf8", timeout: 300_000 });
  if (child.status !== 0) return undefined;
  const { results } = JSON.parse(child.stdout) as { results: { name: string; value: number }[] };
  const value = (key: string): number => results.find(({ name }) => name === `standard/${key}`)?.value ?? 0;
  const mips = Object.fromEntries(Object.keys(GUESTS).map((guest) => [guest, [value(guest)]]));
  const size = {
    handlers: value("handlers"),
    bytes: value("bytes"),
    emitMs: value("emit"),
    compileMs: value("compile"),
  };
  return { name: "wide-records", what: "records of 64 bytes instead of 32", ...size, mips };
}

function rowsOf(guests: readonly Guest[]): Row[] {
  const millions = Number(values.millions);
  const chosen = variants().filter(({ name }) => values.variant === undefined || name === values.variant);
  const prepared = chosen.map(prepare);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const guest of guests)
      for (const { row, test } of prepared) addRound(row, guest, measure(start(guest, test), millions));
  }
  const wide = values.variant === undefined ? wideRecords(values.rounds, values.millions) : undefined;
  return [...prepared.map(({ row }) => row), wide].filter((row) => row !== undefined);
}

function printTable(rows: readonly Row[]): void {
  const names = Object.keys(GUESTS);
  const cells = rows.map((row) => [
    row.name,
    String(row.handlers),
    String(row.bytes),
    row.emitMs.toFixed(0),
    row.compileMs.toFixed(1),
    ...names.map((guest) => median(row.mips[guest] ?? []).toFixed(0)),
    row.what,
  ]);
  const head = ["variant", "handlers", "bytes", "emit ms", "compile ms", ...names, "what"];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => (row[i] as string).length)));
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i] as number)).join("  ");
  console.log([head, ...cells].map((row) => line(row).trimEnd()).join("\n"));
  console.log("\nMIPS by guest. handlers: cases of the main function.");
}

function printJson(rows: readonly Row[]): void {
  const standard = rows[0];
  const results = rows.flatMap((row) => [
    { name: `${row.name}/handlers`, value: row.handlers, unit: "handlers" },
    { name: `${row.name}/bytes`, value: row.bytes, unit: "bytes" },
    { name: `${row.name}/emit`, value: row.emitMs, unit: "ms" },
    { name: `${row.name}/compile`, value: row.compileMs, unit: "ms" },
    ...Object.keys(GUESTS).map((guest) => {
      const value = median(row.mips[guest] ?? []);
      const peer = median(standard?.mips[guest] ?? []);
      return { name: `${row.name}/${guest}`, value, unit: "MIPS", peer: "standard", ratio: peer / value };
    }),
  ]);
  console.log(JSON.stringify({ name: "executor-shape", ok: true, skipped: [], results }));
}

function main(): number {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.variant !== undefined && !variants().some(({ name }) => name === values.variant)) {
    console.error(`there is no variant ${values.variant}\n\n${USAGE}`);
    return 2;
  }
  const missing = guestsMissing();
  if (missing !== undefined) {
    if (values.json) console.log(JSON.stringify({ name: "executor-shape", ok: true, skipped: [missing], results: [] }));
    else console.log(`nothing measured: ${missing}`);
    return 0;
  }
  const rows = rowsOf(Object.keys(GUESTS).map(buildGuest));
  if (values.json) printJson(rows);
  else printTable(rows);
  return 0;
}

process.exitCode = main();
