import { type AddressSpace, HostMemory, hva, PAGE_SIZE } from "../src/index.ts";

interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: "ns";
}

const ROUNDS = 15;
const WARM_UP = 15;

/** Median over rounds of the time of one of `count` operations, in ns; `prepare` and `clean` are not measured. */
function median<T>(
  count: number,
  prepare: () => T,
  run: (state: T, i: number) => void,
  clean: (state: T) => void,
): number {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    const state = prepare();
    const start = performance.now();
    for (let i = 0; i < count; i++) run(state, i);
    const time = ((performance.now() - start) * 1e6) / count;
    clean(state);
    if (round >= WARM_UP) times.push(time);
  }
  times.sort((a, b) => a - b);
  return Math.round((times[ROUNDS >> 1] ?? 0) * 10) / 10;
}

const ADDRESS = hva(0x7f0000000000);
const nothing = (): undefined => undefined;

/** A space whose first `bytes` are mapped and written. */
function filled(memory: HostMemory, bytes: number): AddressSpace {
  const space = memory.createAddressSpace();
  space.map({ length: bytes, at: ADDRESS, backing: "lazy" });
  const one = Uint8Array.of(1);
  for (let at = 0; at < bytes; at += PAGE_SIZE) space.write(hva(ADDRESS + at), one);
  return space;
}

function measureFork(memory: HostMemory, mebibytes: number): Result {
  const parent = filled(memory, mebibytes << 20);
  const value = median(
    200,
    (): AddressSpace[] => [],
    (children) => children.push(parent.fork()),
    (children) => {
      for (const child of children) child.dispose();
    },
  );
  parent.dispose();
  return { name: `fork-${mebibytes}m`, value, unit: "ns" };
}

/** First writes to every page of a fork: the first one below a leaf copies it, all copy a page. */
function measureFirstWrite(memory: HostMemory): Result {
  const pages = 2048;
  const parent = filled(memory, pages * PAGE_SIZE);
  const value = median(
    pages,
    () => parent.fork(),
    (child, i) => child.translate(hva(ADDRESS + i * PAGE_SIZE), "write"),
    (child) => child.dispose(),
  );
  parent.dispose();
  return { name: "first-write-after-fork", value, unit: "ns" };
}

function measureFirstTouch(memory: HostMemory): Result {
  const pages = 2048;
  const value = median(
    pages,
    () => {
      const space = memory.createAddressSpace();
      space.map({ length: pages * PAGE_SIZE, at: ADDRESS, backing: "lazy" });
      return space;
    },
    (space, i) => space.translate(hva(ADDRESS + i * PAGE_SIZE), "write"),
    (space) => space.dispose(),
  );
  return { name: "first-write-lazy", value, unit: "ns" };
}

function measureTranslate(memory: HostMemory): Result {
  const space = filled(memory, 8 << 20);
  let sum = 0;
  const value = median(
    100_000,
    nothing,
    (_, i) => {
      sum += space.translate(hva(ADDRESS + (i & 2047) * PAGE_SIZE), "read") ?? 0;
    },
    nothing,
  );
  if (sum === 0) throw new Error("nothing was translated");
  space.dispose();
  return { name: "translate", value, unit: "ns" };
}

function measureLifecycle(memory: HostMemory): Result {
  const value = median(
    2000,
    nothing,
    () => {
      const space = memory.createAddressSpace();
      space.map({ length: 1 << 20, backing: "lazy" });
      space.map({ length: 3 * PAGE_SIZE, backing: "contiguous" });
      space.dispose();
    },
    nothing,
  );
  return { name: "create-map-dispose", value, unit: "ns" };
}

function measureFrame(memory: HostMemory): Result {
  const value = median(20_000, nothing, () => memory.releaseFrame(memory.allocateFrame()), nothing);
  return { name: "allocate-release-frame", value, unit: "ns" };
}

const memory = HostMemory.create();
const results = [
  measureFork(memory, 1),
  measureFork(memory, 16),
  measureFork(memory, 128),
  measureFirstWrite(memory),
  measureFirstTouch(memory),
  measureTranslate(memory),
  measureLifecycle(memory),
  measureFrame(memory),
];

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ name: "fork", ok: true, skipped: [], results }));
} else {
  console.log("host-memory: median of one operation");
  for (const { name, value, unit } of results)
    console.log(`  ${name.padEnd(24)}${value.toFixed(1).padStart(10)} ${unit}`);
}
