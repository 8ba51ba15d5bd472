import { type Cpu, XSAVE_BYTES } from "@likex/cpu-executor";
import type { Bits } from "../../../packages/x86-decoder/scripts/streams.ts";
import type { CodePage } from "./code.ts";
import { anySelector, SELECTOR, TSS } from "./descriptors.ts";
import { AT, PAGE } from "./layout.ts";
import type { Roots } from "./paging-structures.ts";
import type { Random } from "./random.ts";

export type CpuStateImage = ReturnType<Cpu["saveState"]>;
type Segment = CpuStateImage["segments"][number];

/** The modes that a guest can be in; "unreal" is real mode with segments from protected mode, "nonsense" is no mode. */
export const MODES = [
  ...["real", "unreal", "protected16", "protected32", "virtual8086", "compatibility", "long", "nonsense"],
] as const;
export type Mode =
  | "real"
  | "unreal"
  | "protected16"
  | "protected32"
  | "virtual8086"
  | "compatibility"
  | "long"
  | "nonsense";

export const bitsOfMode = (mode: Mode, random: Random): Bits => {
  if (mode === "long") return 64;
  if (mode === "protected32") return 32;
  if (mode === "compatibility") return random.of([16, 32, 32]);
  return mode === "nonsense" ? random.of([16, 32, 64]) : 16;
};

const CR0_PE = 1;
const CR0_PG = 0x80000000;
/** MP, ET, NE, WP, AM; and EM and TS, with which floating point is #NM or #UD. */
const CR0_OTHERS = 0x50032;
const CR0_NO_FPU = 0xc;
const CR4_PAE = 0x20;
const CR4_PCIDE = 0x20000;
/** VME to UMIP, FSGSBASE, OSXSAVE; and SMEP, SMAP and PKE, with which most pages of these guests are out of reach. */
const CR4_OTHERS = 0x50fdf;
const CR4_PROTECTION = 0x700000;
const EFER = { sce: 1, lme: 0x100, lma: 0x400, nxe: 0x800 } as const;
const FLAG = { fixed: 2, trap: 0x100, virtual8086: 0x20000, defined: 0x3f7fd5 } as const;

const hex = (value: bigint): string => value.toString(16);
const UNUSABLE: Segment = { selector: 0, base: "0", limit: 0, accessRights: 0x10000 };

const flat = (selector: number, accessRights: number): Segment => ({
  ...{ selector, base: "0", limit: 0xffffffff, accessRights },
});

/** Everything that a state is made from besides chance. */
export interface StateParts {
  readonly pages: readonly CodePage[];
  readonly roots: Roots;
}

/** A random state of the processor in a mode, its instruction pointer at code of that mode, nearly always. */
export function randomState(random: Random, mode: Mode, parts: StateParts): CpuStateImage {
  const bits = bitsOfMode(mode, random);
  const isUser = mode === "virtual8086" || (mode !== "real" && mode !== "unreal" && random.chance(2));
  const isLong = mode === "long" || mode === "compatibility";
  const isProtected = mode !== "real" && mode !== "unreal";
  const pages = isLong || (isProtected && random.chance(2));
  const entry = entryPoint(random, bits, parts.pages);
  const segments = randomSegments(random, { mode, bits, isUser });
  const control = controlRegisters(random, { mode, isLong, isProtected, pages, roots: parts.roots });
  const base = mode === "long" ? 0n : BigInt(`0x${segments[1]?.base ?? 0}`);
  const high = mode === "long" && random.chance(4) ? 0xffff_8000_0000_0000n : 0n;
  const rip = random.chance(60) ? random.value() : BigInt.asUintN(64, BigInt(entry) - base + high);
  const idt = isLong ? AT.idt64 : isProtected ? AT.idt32 : AT.vectors;
  return {
    general: Array.from({ length: 16 }, (_, i) =>
      hex(i === 4 && !random.chance(10) ? BigInt((AT.stack + 1) * PAGE - random.below(64) * 8) : random.value()),
    ),
    rip: hex(rip),
    rflags: randomFlags(random, mode),
    segments,
    gdtr: { base: hex(BigInt(AT.gdt * PAGE)), limit: random.chance(12) ? random.of([0xffff, 0x17, 0]) : 0x1ff },
    idtr: { base: hex(BigInt(idt * PAGE)), limit: random.chance(12) ? random.of([0xffff, 0x1f, 0]) : 0xfff },
    ...control,
    cr2: hex(random.value()),
    cr8: random.below(16),
    pkru: random.chance(3) ? random.bits32() : 0,
    xcr0: hex(BigInt(random.of([1, 3, 3, 3, 7, 2]))),
    extended: extendedState(random),
    ...debugRegisters(random),
    interruptShadow: random.chance(12) ? random.below(4) : 0,
    halted: random.chance(40),
    nmiBlocked: random.chance(8),
    pendingDebug: random.chance(30) ? random.some(0xe00f) : 0,
    msrs: modelSpecificRegisters(random),
  };
}

const entryPoint = (random: Random, bits: Bits, pages: readonly CodePage[]): number => {
  const same = pages.filter((page) => page.bits === bits);
  return random.of(random.of(same.length > 0 && !random.chance(16) ? same : pages).starts);
};

const randomFlags = (random: Random, mode: Mode): number => {
  const wild = random.chance(2) ? random.some(FLAG.defined & ~FLAG.virtual8086 & ~FLAG.trap) : random.some(0x200);
  const isVirtual = mode === "virtual8086" || (mode === "nonsense" && random.chance(4));
  return FLAG.fixed | wild | (random.chance(12) ? FLAG.trap : 0) | (isVirtual ? FLAG.virtual8086 : 0);
};

interface Control {
  readonly mode: Mode;
  readonly isLong: boolean;
  readonly isProtected: boolean;
  readonly pages: boolean;
  readonly roots: Roots;
}

function controlRegisters(
  random: Random,
  { mode, isLong, isProtected, pages, roots }: Control,
): Pick<CpuStateImage, "cr0" | "cr3" | "cr4" | "efer"> {
  const isPae = isLong || random.chance(2);
  const hasPcid = isLong && random.chance(4);
  const root = isLong ? roots.level4 : isPae ? roots.pae : roots.bits32;
  const wild = mode === "nonsense";
  const others = random.chance(3) ? 0x10 : random.some(CR0_OTHERS) | (random.chance(6) ? random.some(CR0_NO_FPU) : 0);
  const cr4 =
    (random.chance(3) ? 0x40610 : random.some(CR4_OTHERS)) |
    (random.chance(8) ? random.some(CR4_PROTECTION) : 0) |
    (isPae ? CR4_PAE : 0) |
    (hasPcid ? CR4_PCIDE : 0);
  const lma = isLong ? EFER.lme | EFER.lma : 0;
  return {
    cr0: wild ? random.some(0xe005003f) : (others | (isProtected ? CR0_PE : 0) | (pages ? CR0_PG : 0)) >>> 0,
    cr3: hex(
      wild && random.chance(2)
        ? random.value() & 0x3fff_ffff_ffffn
        : BigInt(root + (hasPcid ? random.below(0x1000) : 0)),
    ),
    cr4: wild ? random.some(0x770fff) : cr4,
    efer: wild ? random.some(0xd01) : lma | random.some(EFER.sce) | (random.chance(6) ? 0 : EFER.nxe),
  };
}

interface SegmentChoice {
  readonly mode: Mode;
  readonly bits: Bits;
  readonly isUser: boolean;
}

/** ES CS SS DS FS GS LDTR TR. */
function randomSegments(random: Random, choice: SegmentChoice): Segment[] {
  const tss = choice.mode === "long" || choice.mode === "compatibility" ? TSS.bits64 : TSS.bits32;
  const system = [
    random.chance(3)
      ? { ...UNUSABLE }
      : { selector: SELECTOR.ldt, base: hex(BigInt(AT.ldt * PAGE)), limit: 0xff, accessRights: 0x82 },
    { selector: SELECTOR.tss, base: hex(BigInt(tss)), limit: 0x1fff, accessRights: 0x8b },
  ];
  const data = (): Segment => (random.chance(20) ? anySegment(random) : dataSegment(random, choice));
  const code = choice.mode === "nonsense" ? anySegment(random) : codeSegment(random, choice);
  const stack = choice.mode === "nonsense" ? anySegment(random) : stackSegment(random, choice);
  return [data(), code, stack, data(), data(), data(), ...system];
}

const realSegment = (base: number, accessRights: number, limit = 0xffff): Segment => ({
  ...{ selector: (base >>> 4) & 0xffff, base: hex(BigInt(base)), limit, accessRights },
});

function codeSegment(random: Random, { mode, bits, isUser }: SegmentChoice): Segment {
  const base = random.of([0, 0x7000, 0x7ff0]);
  if (mode === "virtual8086") return realSegment(base, 0xf3);
  if (mode === "real" || mode === "unreal") return realSegment(base, 0x9b);
  const type = isUser ? 0xfb : 0x9b;
  if (bits === 64) return flat(isUser ? SELECTOR.userCode64 : SELECTOR.code64, 0xa000 | type);
  if (bits === 32) return flat(isUser ? SELECTOR.userCode32 : SELECTOR.code32, 0xc000 | type);
  return {
    selector: isUser ? SELECTOR.userCode16 : SELECTOR.code16,
    base: hex(BigInt(base)),
    limit: 0xffff,
    accessRights: type,
  };
}

function stackSegment(random: Random, { mode, bits, isUser }: SegmentChoice): Segment {
  if (mode === "virtual8086") return realSegment(0, 0xf3);
  if (mode === "real" || mode === "unreal") return realSegment(0, 0x93);
  if (bits === 64 && random.chance(4)) return { ...UNUSABLE, accessRights: 0x10000 | (isUser ? 0x60 : 0) };
  const rights = (isUser ? 0xf3 : 0x93) | (bits === 16 ? 0 : 0xc000);
  return flat(isUser ? SELECTOR.userData32 : SELECTOR.data32, rights);
}

function dataSegment(random: Random, { mode, bits, isUser }: SegmentChoice): Segment {
  const base = random.of([0, 0, AT.data * PAGE, AT.code * PAGE, random.below(0x40000) & ~15]);
  if (mode === "virtual8086") return realSegment(base, 0xf3);
  if (mode === "real") return realSegment(base, 0x93);
  if (mode === "unreal") return realSegment(base, 0x93, random.of([0xffff, 0xffffffff, 0xfffff]));
  const rights = (isUser ? 0xf3 : 0x93) | (bits === 16 ? 0 : 0xc000);
  return flat(isUser ? SELECTOR.userData32 : SELECTOR.data32, rights);
}

/** Base, limit and type without rule; half of the bases beyond 32 bits are not canonical. */
function anySegment(random: Random): Segment {
  return {
    selector: anySelector(random),
    base: hex(random.of([0n, BigInt(random.ordinary()), BigInt(random.bits32()), random.value()])),
    limit: random.of([0, 0xff, 0xfff, 0xffff, 0xfffff, 0x7fffffff, 0xffffffff, random.bits32()]),
    accessRights: random.some(0x1f0ff) | (random.chance(4) ? 0 : 0x90),
  };
}

/** An XSAVE64 image: any control, status and tags, and registers of random bits. */
function extendedState(random: Random): string {
  const image = Uint8Array.from({ length: XSAVE_BYTES }, () => random.below(256));
  const view = new DataView(image.buffer);
  if (!random.chance(6)) view.setUint16(0, 0x37f, true);
  if (!random.chance(6)) view.setUint16(2, random.some(0x7f7f) & ~0x3f, true);
  if (!random.chance(6)) view.setUint32(24, 0x1f80 | random.some(0xe07f), true);
  return Buffer.from(image.buffer).toString("hex");
}

function debugRegisters(random: Random): Pick<CpuStateImage, "breakpoints" | "dr6" | "dr7"> {
  const armed = random.chance(10);
  const dr7 = armed
    ? (0x400 | random.some(0xffff00ff) | random.some(0x2000 * (random.chance(4) ? 1 : 0))) >>> 0
    : 0x400;
  return {
    breakpoints: Array.from({ length: 4 }, () => hex(random.chance(4) ? random.value() : BigInt(random.ordinary()))),
    dr6: (0xffff0ff0 | random.some(0xe00f)) >>> 0,
    dr7,
  };
}

function modelSpecificRegisters(random: Random): Record<string, string> {
  const code = (): string =>
    hex(random.chance(6) ? random.value() & 0x7fff_ffff_ffffn : BigInt(AT.code * PAGE + random.below(0x8000)));
  return {
    IA32_SYSENTER_CS: hex(BigInt(random.of([0, SELECTOR.code32, SELECTOR.code64, random.below(0x10000)]))),
    IA32_SYSENTER_ESP: hex(BigInt((AT.otherStack + 1) * PAGE)),
    IA32_SYSENTER_EIP: code(),
    IA32_STAR: hex(
      (BigInt(random.of([SELECTOR.userCode32, anySelector(random)])) << 48n) |
        (BigInt(SELECTOR.code32) << 32n) |
        BigInt(AT.code * PAGE),
    ),
    IA32_LSTAR: code(),
    IA32_CSTAR: code(),
    IA32_FMASK: hex(BigInt(random.some(0xffff_ffff))),
    IA32_KERNEL_GS_BASE: hex(random.value() & 0x7fff_ffff_ffffn),
    IA32_TSC_AUX: hex(BigInt(random.bits32())),
    IA32_TSC_ADJUST: hex(random.value()),
  };
}
