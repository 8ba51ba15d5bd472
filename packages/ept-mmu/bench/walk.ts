import { HostMemory, hpa } from "@likex/host-memory";
import { ACCESS, GuestMmu, type GuestMmuConfiguration, SPTE_FORMAT, TdpMmu, TRANSLATION } from "../src/index.ts";

/** Time of `GuestMmu.translate`, what a processor pays at a miss of its TLB, in each paging mode with and without EPT. */

/** Fewer than translations are kept. */
const PAGES = 128;
/** Short batches: what the machine does besides spoils some of them, and not the median. */
const BATCHES = 2001;
const WARM_UP = 600;
const ROUNDS = 8;
/** Pages lie above the tables. */
const FIRST_FRAME = 1024;
const LINEAR = 0x4000_0000;

const memory = HostMemory.create({ bytes: 64 << 20 });
const tdp = new TdpMmu(memory, { format: SPTE_FORMAT.kvm });
for (let frame = 0; frame < memory.framesTotal; frame++) tdp.map(frame, frame, { write: true, execute: true });

const table = (entries: (index: number) => number, entryBytes: 4 | 8): number => {
  const at = memory.allocateFrame();
  for (let i = 0; i < 4096 / entryBytes; i++)
    if (entryBytes === 4) memory.writeU32(hpa(at + i * 4), entries(i));
    else memory.writeU64(hpa(at + i * 8), BigInt(entries(i)));
  return at;
};
const OPEN = 0x67;
const pages = (index: number): number => ((FIRST_FRAME + (index % PAGES)) << 12) | OPEN;
const all = (to: number) => (): number => to | OPEN;

const narrow = table(all(table(pages, 4)), 4);
const large4M = table(() => (1 << 22) | OPEN | 0x80, 4);
const pageTable = table(pages, 8);
const directory = table(all(pageTable), 8);
const pdpt = table(all(directory), 8);
const level4 = table(all(pdpt), 8);
const largeDirectory = table((index) => ((index % 16) << 21) | OPEN | 0x80, 8);
const level4Large = table(all(table(all(largeDirectory), 8)), 8);
const paePdpt = table(() => directory | 1, 8);

const PAGING = 0x80010001;
const MODES: readonly (readonly [string, Omit<GuestMmuConfiguration, "eptPointer">])[] = [
  ["none", { cr0: 1, cr3Low: 0, cr3High: 0, cr4: 0, efer: 0 }],
  ["32-bit", { cr0: PAGING, cr3Low: narrow, cr3High: 0, cr4: 0x10, efer: 0 }],
  ["32-bit-4m", { cr0: PAGING, cr3Low: large4M, cr3High: 0, cr4: 0x10, efer: 0 }],
  ["pae", { cr0: PAGING, cr3Low: paePdpt, cr3High: 0, cr4: 0x20, efer: 0x800 }],
  ["4-level", { cr0: PAGING, cr3Low: level4, cr3High: 0, cr4: 0x20, efer: 0xd00 }],
  ["4-level-2m", { cr0: PAGING, cr3Low: level4Large, cr3High: 0, cr4: 0x20, efer: 0xd00 }],
];

type Translate = (linearLow: number, linearHigh: number, access: number) => number;

/** Where guest-physical translations are kept, by TypeScript or by the emitted walk, which knows two of the modes. */
type Kind = "walked" | "kept" | "emitted";
const EMITTED: ReadonlySet<string> = new Set(["32-bit", "32-bit-4m", "4-level", "4-level-2m"]);

function translateOf(mmu: GuestMmu, kind: Kind): Translate {
  const emitted = kind === "emitted" ? mmu.emitted() : undefined;
  if (emitted === undefined) return (low, high, access) => mmu.translate(low, high, access);
  const { translate, block } = emitted;
  // What it declines is kept from then on.
  return (low, high, access) => translate(block, low, high, access) && mmu.translate(low, high, access);
}

/** Nanoseconds a walk, the median over the batches. */
const measure = (configuration: GuestMmuConfiguration, kind: Kind): number => {
  const mmu = new GuestMmu(memory, { guestPhysical: kind === "walked" ? "walked" : "kept" });
  mmu.configure(configuration);
  mmu.loadPdptes(configuration.cr3Low);
  const translate = translateOf(mmu, kind);
  const base = (configuration.cr0 & 0x80000000) === 0 ? FIRST_FRAME << 12 : LINEAR;
  const times: number[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP; batch++) {
    const start = performance.now();
    for (let round = 0; round < ROUNDS; round++)
      for (let page = 0; page < PAGES; page++)
        if (translate(base + (page << 12), 0, ACCESS.read) !== TRANSLATION.ok) throw new Error("a walk failed");
    if (batch >= WARM_UP) times.push(((performance.now() - start) * 1e6) / (ROUNDS * PAGES));
  }
  mmu.dispose();
  return times.sort((a, b) => a - b)[BATCHES >> 1] as number;
};

const result = (
  mode: string,
  registers: Omit<GuestMmuConfiguration, "eptPointer">,
  eptPointer: number,
  kind: Kind,
) => ({
  name: [mode, ...(eptPointer === 0 ? [] : ["ept"]), ...(kind === "walked" ? [] : [kind])].join("-"),
  value: measure({ ...registers, eptPointer }, kind),
  unit: "ns",
});

const results = [
  ...[0, tdp.eptPointer].flatMap((eptPointer) => MODES.map(([mode, of]) => result(mode, of, eptPointer, "walked"))),
  ...(["kept", "emitted"] as const).flatMap((kind) =>
    MODES.filter(([mode]) => kind === "kept" || EMITTED.has(mode)).map(([mode, of]) =>
      result(mode, of, tdp.eptPointer, kind),
    ),
  ),
];

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ name: "walk", ok: true, skipped: [], results }));
} else {
  console.log("one walk of GuestMmu, every entry in memory and its flags set\n");
  for (const { name, value, unit } of results)
    console.log(`  ${name.padEnd(20)} ${value.toFixed(1).padStart(8)} ${unit}`);
}
