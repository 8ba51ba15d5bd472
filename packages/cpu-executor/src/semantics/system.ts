import { type I32, type I64, i32, i64, select } from "@likex/wasm-emitter";
import { CODE_MODE, CONTEXT } from "../context.ts";
import { PORT_DETAIL, STATUS } from "../status.ts";
import { INTERCEPT } from "../stop.ts";
import type { SemanticsBuilder } from "./builder.ts";
import { privilegeLevel } from "./flag-instructions.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { widthOf } from "./width.ts";

const RDX = 2;
const CR2 = 2;

/** Instructions that leave emitted code: system software decides whether they exit, else the processor carries them out. */
const INTERCEPTED: readonly (keyof typeof INTERCEPT)[] = [
  "hlt",
  "cpuid",
  "rdtsc",
  "rdtscp",
  "rdmsr",
  "wrmsr",
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

/** MOV from CR2 at CPL 0, which no system software can intercept and each handler of page faults executes (SDM Vol 3C, 25.1.3). */
const moveFromControlRegister: SemanticsEntry = {
  endsBlock: true,
  isOutside: true,
  write: (b) => {
    b.attempt(({ giveUpIf }) => {
      giveUpIf(i32.ne(b.outsideReg(), i32.const(CR2)));
      giveUpIf(privilegeLevel(b));
      const isLong = i32.eq(b.contextLoad(CONTEXT.codeMode, 32) as I32, i32.const(CODE_MODE.long));
      const low = i64.extendU(b.contextLoad(CONTEXT.cr2, 32) as I32);
      const value = select(isLong, b.contextLoad(CONTEXT.cr2, 64) as I64, low);
      const register = i32.add(b.contextAddress(), i32.shl(b.outsideRm(), i32.const(3)));
      b.code.store("i64", register, value, CONTEXT.gpr);
      b.branch(i32.const(0));
    });
    b.stop(STATUS.instruction, i32.const(INTERCEPT.movFromCr));
  },
};

export const system: SemanticsTable = {
  ...Object.fromEntries(INTERCEPTED.map((name) => [name, intercepted(name)])),
  movFromCr: moveFromControlRegister,
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
