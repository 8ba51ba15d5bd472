import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { Cpu, STOP } from "../src/index.ts";
import { createJit } from "../src/jit/index.ts";
import { useFlatSegments } from "../test/support/flat-segments.ts";
import { FlatMmu } from "../test/support/real-mode.ts";

const USAGE = `Has code compiled, changed and compiled again until everything compiled has been dropped many times, and prints what the process
holds meanwhile: it must not grow.

  pnpm bench eviction [--changes N] [--json]

  --changes N  how often code is changed (default 20000)
  --json       one JSON object on stdout`;

const MEGABYTE = 1 << 20;
const PAGE = 0x1000;
const CODE = 0x10000;
const PAGES = 64;
const LIMIT = 1 << 30;
const SHORT = 300n;
/** Every 50th loop is long enough to have paid for its compilation. */
const LONG = 1_200_000n;
const LONG_EVERY = 50;
const SAMPLES = 5;

/** loop: ADD EAX, n; DEC ECX; JNZ loop; HLT. */
const codeOf = (n: number): readonly number[] => [0x83, 0xc0, n, 0xff, 0xc9, 0x75, 0xf9, 0xf4];

interface Sample {
  readonly changes: number;
  readonly regions: number;
  readonly evictions: number;
  readonly heapMegabytes: number;
  readonly residentMegabytes: number;
  /** Memory maps of the process, where the system tells. */
  readonly maps: number | undefined;
}

class Soak {
  readonly memory: HostMemory = HostMemory.create({ bytes: 8 * MEGABYTE });
  readonly jit = createJit({ threshold: 5, batch: 1, delay: 0, shortest: 1, mostRegions: 64 });
  readonly #base = this.memory.allocateFrames(MEGABYTE / PAGE);
  readonly #mmu = new FlatMmu(this.#base);
  readonly #cpu = Cpu.create({ memory: this.memory, mmu: this.#mmu, jit: this.jit });

  constructor() {
    const cpu = this.#cpu;
    useFlatSegments(cpu, 64);
  }

  /** Writes a loop into one of the pages and runs it. */
  change(i: number): void {
    const at = CODE + (i % PAGES) * PAGE;
    const n = i & 0x7f;
    const times = i % LONG_EVERY === 0 ? LONG : SHORT;
    this.memory.u8.set(codeOf(n), this.#base + at);
    this.memory.noteWrite((this.#base + at) as HostPhysicalAddress);
    this.#cpu.setRegister(0, 0n);
    this.#cpu.setRegister(1, times);
    this.#cpu.ripNumber = at;
    const stop = this.#cpu.run(LIMIT);
    this.#mmu.asked.length = 0;
    const isRight = this.#cpu.getRegister(0) === BigInt.asUintN(32, times * BigInt(n));
    if (stop !== STOP.instruction || !isRight) throw new Error(`change ${i} computed ${this.#cpu.getRegister(0)}`);
  }
}

function countMaps(): number | undefined {
  try {
    return readFileSync("/proc/self/maps", "utf8").split("\n").length - 1;
  } catch {
    return undefined;
  }
}

async function sample(soak: Soak, changes: number, collect: () => void): Promise<Sample> {
  // Modules are freed some turns of the event loop after what held them.
  for (let i = 0; i < 2; i++) {
    collect();
    await pause(50);
  }
  const { regions, evictions } = soak.jit.statistics(soak.memory);
  const { heapUsed, rss } = process.memoryUsage();
  const megabytes = (bytes: number): number => Math.round(bytes / 100_000) / 10;
  const held = { heapMegabytes: megabytes(heapUsed), residentMegabytes: megabytes(rss), maps: countMaps() };
  return { changes, regions, evictions, ...held };
}

async function main(): Promise<number> {
  const options = {
    changes: { type: "string", default: "20000" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const changes = Number(values.changes);
  if (!Number.isSafeInteger(changes) || changes < SAMPLES) {
    console.error(`bench eviction: --changes ${values.changes}: a whole number from ${SAMPLES} on is wanted`);
    return 2;
  }
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const soak = new Soak();
  const samples: Sample[] = [];
  for (let i = 1; i <= changes; i++) {
    soak.change(i);
    if (i % Math.floor(changes / SAMPLES) === 0) samples.push(await sample(soak, i, collect));
  }
  if (values.json) console.log(JSON.stringify({ name: "eviction", ok: true, skipped: [], samples }, undefined, 2));
  else console.table(samples);
  return 0;
}

process.exitCode = await main();
