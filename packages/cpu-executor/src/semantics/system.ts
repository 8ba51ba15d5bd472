import { type I32, i32 } from "@likex/wasm-emitter";
import { PORT_DETAIL, STATUS } from "../status.ts";
import { INTERCEPT } from "../stop.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { widthOf } from "./width.ts";

const RDX = 2;

/** Instructions that leave emitted code: system software decides whether they exit, else the processor carries them out. */
const INTERCEPTED: readonly (keyof typeof INTERCEPT)[] = [
  "hlt",
  "cpuid",
  "rdtsc",
  "rdtscp",
  "rdmsr",
  "wrmsr",
  "invlpg",
  "monitor",
  "mwait",
  "pause",
  "wbinvd",
  "invd",
  "lgdt",
  "lidt",
  "sgdt",
  "sidt",
  "lldt",
  "ltr",
  "sldt",
  "str",
  "clts",
  "lmsw",
  "smsw",
  "rdpmc",
  "xsetbv",
  "rsm",
  "movToCr",
  "movFromCr",
  "movToDr",
  "movFromDr",
  "vmcall",
  "vmclear",
  "vmlaunch",
  "vmptrld",
  "vmptrst",
  "vmread",
  "vmresume",
  "vmwrite",
  "vmxoff",
  "vmxon",
  "invept",
  "invvpid",
];

const intercepted = (name: keyof typeof INTERCEPT): SemanticsEntry => ({
  endsBlock: true,
  write: (b) => b.stop(STATUS.instruction, i32.const(INTERCEPT[name])),
});

const portStop =
  (bits: number) =>
  (b: SemanticsBuilder): void => {
    const repeat = b.shape.repeat === "none" ? 0 : PORT_DETAIL.repeat;
    const position = b.shape.operands.findIndex(({ kind }) => kind === "immediate");
    const immediate = position < 0 ? 0 : PORT_DETAIL.immediate;
    const port = (position < 0 ? b.readRegister(RDX, 16) : b.read(position)) as I32;
    const access = i32.const((b.shape.bits / 8 - 1) | bits | repeat | immediate);
    b.stop(STATUS.port, i32.or(i32.shl(port, i32.const(PORT_DETAIL.portShift)), access));
  };

const port = (bits: number): SemanticsEntry => ({ endsBlock: true, write: portStop(bits) });

const portStrings = ["b", "w", "d"].flatMap((size): [string, SemanticsEntry][] => [
  [`ins${size}`, { ...port(PORT_DETAIL.in | PORT_DETAIL.string), repeats: true }],
  [`outs${size}`, { ...port(PORT_DETAIL.string), repeats: true }],
]);

const undefinedInstruction: SemanticsEntry = { endsBlock: true, isOutside: true, write: (b) => b.raise(6) };

/** CLFLUSH and its like have no cache to act on: what is left is their check of the address (SDM Vol 2, CLFLUSH). */
const cacheLine: SemanticsEntry = {
  write: (b) => b.load(widthOf(8), b.operandLinear(b.effectiveAddress(), 1, "flush")),
};

const nothing: SemanticsEntry = { write: () => {} };

export const system: SemanticsTable = {
  ...Object.fromEntries(INTERCEPTED.map((name) => [name, intercepted(name)])),
  ud0: undefinedInstruction,
  ud1: undefinedInstruction,
  ud2: undefinedInstruction,
  in: port(PORT_DETAIL.in),
  out: port(0),
  ...Object.fromEntries(portStrings),
  // One processor sees its own accesses in order: fences and cache hints have nothing to do.
  mfence: nothing,
  lfence: nothing,
  sfence: nothing,
  prefetch: nothing,
  prefetchw: nothing,
  prefetchnta: nothing,
  prefetcht0: nothing,
  prefetcht1: nothing,
  prefetcht2: nothing,
  prefetchit0: nothing,
  prefetchit1: nothing,
  endbr32: nothing,
  endbr64: nothing,
  clflush: cacheLine,
  clflushopt: cacheLine,
  clwb: cacheLine,
  wbnoinvd: intercepted("wbinvd"),
};
