import { ENVIRONMENTS } from "../../test/support/native-environment.ts";
import { MODES, type Mode, notCompared, unreachable, type Variant, variantName } from "./cases.ts";
import type { PartResult } from "./run.ts";

/** Of one mode: forms and operand shapes that were executed, and how often. */
export interface ModeCoverage {
  readonly mode: Mode;
  readonly forms: number;
  readonly allForms: number;
  readonly shapes: number;
  readonly allShapes: number;
  readonly executions: number;
  readonly faults: number;
  /** Shapes that the real processor does not have; that did not come up; that raised an exception each time. */
  readonly lacking: readonly string[];
  readonly missed: readonly string[];
  readonly onlyFaulted: readonly string[];
}

const distinctForms = (variants: readonly Variant[]): number => new Set(variants.map(({ form }) => form.id)).size;

export function coverage(all: readonly Variant[], result: PartResult): ModeCoverage[] {
  const total = (values: readonly number[], mode: Mode): number =>
    all.reduce((sum, variant, i) => sum + (variant.mode === mode ? (values[i] as number) : 0), 0);
  return MODES.filter((mode) => all.some((variant) => variant.mode === mode)).map((mode) => {
    const pick = (condition: (i: number) => boolean): Variant[] =>
      all.filter((variant, i) => variant.mode === mode && condition(i));
    const [executed, faulted, lacking] = [result.executed, result.faulted, result.lacking];
    const done = pick((i) => (executed[i] as number) > 0);
    return {
      mode,
      forms: distinctForms(done),
      allForms: distinctForms(pick(() => true)),
      shapes: done.length,
      allShapes: pick(() => true).length,
      executions: total(executed, mode),
      faults: total(faulted, mode),
      lacking: pick((i) => executed[i] === 0 && (lacking[i] as number) > 0).map(variantName),
      missed: pick((i) => executed[i] === 0 && lacking[i] === 0).map(variantName),
      onlyFaulted: pick((i) => (executed[i] as number) > 0 && executed[i] === faulted[i]).map(
        ({ form }) => form.mnemonic,
      ),
    };
  });
}

/** The printed coverage: what was executed in each mode, and what was not and why. */
export function coverageLines(modes: readonly ModeCoverage[], refused: ReadonlyMap<number, string>): string[] {
  const lines: string[] = [];
  for (const each of modes) {
    const { mode, forms, allForms, shapes, allShapes, executions, faults } = each;
    lines.push(
      `${mode}-bit: ${forms} of ${allForms} forms in ${shapes} of ${allShapes} operand shapes, ${executions} executions, ${faults} with an exception`,
    );
    lines.push(
      `  where: ${ENVIRONMENTS.filter(({ bits }, n) => bits === mode && !refused.has(n))
        .map(({ name }) => name)
        .join("; ")}`,
    );
    if (each.onlyFaulted.length > 0) lines.push(`  always an exception: ${[...new Set(each.onlyFaulted)].join(" ")}`);
    for (const name of each.lacking) lines.push(`  not on this processor: ${name}`);
    for (const name of each.missed) lines.push(`  did not come up: ${name}`);
  }
  for (const why of refused.values()) lines.push(`NOT RUN: ${why}`);
  lines.push("not compared:");
  for (const [reason, names] of notCompared()) lines.push(`  ${names.join(" ")}: ${reason}`);
  for (const name of unreachable()) lines.push(`  ${name}: no encoding is generated`);
  return lines;
}
