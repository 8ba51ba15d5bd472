import type { SemanticsBuilder } from "./builder.ts";

/** Writes one instruction's meaning. */
export type Semantics = (b: SemanticsBuilder) => void;

export interface SemanticsEntry {
  readonly write: Semantics;
  /** Control does not simply continue behind the instruction, or the processor's mode may change: it ends its block. */
  readonly endsBlock?: true;
  /** The handlers are in the second module, which is loaded when a program first needs it (plan.ts). */
  readonly extension?: true;
  /** Carried out outside emitted code, which finds its operands in the record: one handler serves all its forms. */
  readonly isOutside?: true;
  /** The entry takes a REP prefix as a repetition. */
  readonly repeats?: true;
}

export type SemanticsTable = Readonly<Record<string, SemanticsEntry>>;
