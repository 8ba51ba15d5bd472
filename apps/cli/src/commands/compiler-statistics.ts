import type { RegionReport, UncompiledForm } from "@likex/cpu-executor/jit";
import type { EmulatedKvm, EmulatedKvmOptions } from "@likex/kvm";
import { columns } from "../columns.ts";

/** A region as `--stats` shows it. */
export interface TopRegion extends RegionReport {
  /** Of all guest instructions, 0 to 1. */
  readonly share: number;
}

/** What the compiler of hot guest code has done. */
export interface CompilerStatistics {
  readonly regions: number;
  /** Guest instructions in the regions. */
  readonly instructions: number;
  readonly modules: number;
  /** Of WebAssembly. */
  readonly bytes: number;
  readonly milliseconds: number;
  readonly evictions: number;
  readonly topRegions: readonly TopRegion[];
  /** Forms that regions leave to the interpreter. */
  readonly uncompiled: readonly UncompiledForm[];
}

/** Guest instructions by the tier that executed them. */
export interface TierStatistics {
  readonly interpreted: number;
  readonly inRegions: number;
  /** null: there was none (--tier interpreter). */
  readonly compiler: CompilerStatistics | null;
}

const TOP_REGIONS = 10;
const SHOWN_FORMS = 10;

/** What a compiler did for a machine that executed so many instructions. */
export function tierStatistics(
  { hostMemory }: EmulatedKvm,
  jit: EmulatedKvmOptions["jit"],
  instructions: number,
): TierStatistics {
  if (jit === undefined) return { interpreted: instructions, inRegions: 0, compiler: null };
  const { executed, ...compiled } = jit.statistics(hostMemory);
  const topRegions = jit
    .regions(hostMemory)
    .slice(0, TOP_REGIONS)
    .map((region) => ({ ...region, share: shareOf(region.executed, instructions) }));
  return {
    interpreted: instructions - executed,
    inRegions: executed,
    compiler: { ...compiled, topRegions, uncompiled: jit.uncompiled(hostMemory) },
  };
}

/** Lines for people. */
export function describeTiers({ interpreted, inRegions, compiler }: TierStatistics): readonly string[] {
  if (compiler === null) return [`interpreted: ${interpreted} instructions; nothing was compiled (--tier interpreter)`];
  const { regions, instructions, modules, bytes, milliseconds, evictions, topRegions, uncompiled } = compiler;
  const all = interpreted + inRegions;
  const work = [
    `${counted(regions, "region")} of ${counted(instructions, "instruction")}`,
    counted(modules, "module"),
    `${bytes} bytes of WebAssembly`,
    `${milliseconds.toFixed(1)} ms`,
    counted(evictions, "eviction"),
  ];
  const lines = [
    `interpreted: ${interpreted} instructions (${percent(shareOf(interpreted, all))})`,
    `in regions: ${inRegions} instructions (${percent(shareOf(inRegions, all))})`,
    regions === 0 ? "compiled: nothing" : `compiled: ${work.join(", ")}`,
  ];
  if (topRegions.length > 0) lines.push("", ...columns([REGION_HEADINGS, ...topRegions.map(regionCells)]));
  if (uncompiled.length > 0) lines.push("", ...columns([FORM_HEADINGS, ...formRows(uncompiled)]));
  return lines;
}

const REGION_HEADINGS = ["top regions", "executed", "share", "blocks", "instructions", "entries", "pages"];
const FORM_HEADINGS = ["not compiled", "executed"];

const regionCells = ({ rip, executed, share, blocks, instructions, entries, pages }: TopRegion): string[] => [
  `0x${rip.toString(16)}`,
  `${executed}`,
  percent(share),
  ...[blocks, instructions, entries, pages].map(String),
];

function formRows(forms: readonly UncompiledForm[]): string[][] {
  const shown = forms.slice(0, SHOWN_FORMS).map(({ form, executed }) => [form, `${executed}`]);
  const rest = forms.slice(SHOWN_FORMS);
  if (rest.length === 0) return shown;
  return [...shown, [`${rest.length} more (--json)`, `${rest.reduce((sum, { executed }) => sum + executed, 0)}`]];
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
const shareOf = (part: number, all: number): number => (all === 0 ? 0 : part / all);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
