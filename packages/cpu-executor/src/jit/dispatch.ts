import { type FunctionBuilder, type I32, i32, i64, type Label, type Local } from "@likex/wasm-emitter";

/** A target of an indirect branch, and what is done there: it does not fall through. */
export interface DispatchCase {
  readonly rip: bigint;
  readonly write: () => void;
}

/** Up to so many targets are compared one after the other. */
const MOST_COMPARED = 3;
/** Ways to spread targets over a table: shifts of the address, then factors. */
const SHIFTS = 20;
const FACTORS = 40;
const LARGEST_SPARE = 2;

/** A slot for each target. Targets that share one are compared one after the other. */
interface Spread {
  readonly bits: number;
  readonly slotOf: (low: number) => number;
  readonly emit: (low: I32) => I32;
}

/** Goes to the case that `target` is; falls through where it is none. */
export function writeDispatch(code: FunctionBuilder, target: Local<"i64">, cases: readonly DispatchCase[]): void {
  if (cases.length <= MOST_COMPARED) {
    compare(code, target, cases);
    return;
  }
  const { bits, slotOf, emit } = bestSpread(cases.map(lowOf));
  const slots = new Map<number, DispatchCase[]>();
  for (const one of cases) slots.set(slotOf(lowOf(one)), [...(slots.get(slotOf(lowOf(one))) ?? []), one]);
  const used = [...slots.keys()];
  code.block((unknown) => {
    const nest = (i: number, outer: readonly Label[]): void => {
      code.block((label) => {
        const labels = [...outer, label];
        if (labels.length < used.length) nest(i + 1, labels);
        else {
          const table = Array.from({ length: 1 << bits }, (_, slot) => labels[used.indexOf(slot)] ?? unknown);
          code.brTable(table, unknown, emit(i32.wrap(code.get(target))));
        }
      });
      compare(code, target, slots.get(used[i] as number) as readonly DispatchCase[]);
      code.br(unknown);
    };
    nest(0, []);
  });
}

function compare(code: FunctionBuilder, target: Local<"i64">, cases: readonly DispatchCase[]): void {
  for (const { rip, write } of cases) code.if(i64.eq(code.get(target), i64.const(BigInt.asIntN(64, rip))), write);
}

const lowOf = ({ rip }: DispatchCase): number => Number(BigInt.asUintN(32, rip)) | 0;

/** The first spread with a slot for each, or the one whose fullest slot has the fewest. */
function bestSpread(lows: readonly number[]): Spread {
  let best: Spread | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  const least = Math.ceil(Math.log2(lows.length));
  for (let bits = least; bits <= least + LARGEST_SPARE; bits++)
    for (const spread of spreads(bits)) {
      const counts = new Map<number, number>();
      for (const low of lows) counts.set(spread.slotOf(low), (counts.get(spread.slotOf(low)) ?? 0) + 1);
      const most = Math.max(...counts.values());
      if (most === 1) return spread;
      if (most >= fewest) continue;
      fewest = most;
      best = spread;
    }
  return best as Spread;
}

function* spreads(bits: number): Iterable<Spread> {
  const mask = (1 << bits) - 1;
  for (let shift = 0; shift < SHIFTS; shift++)
    yield {
      bits,
      slotOf: (low) => (low >>> shift) & mask,
      emit: (low) => i32.and(shift === 0 ? low : i32.shrU(low, i32.const(shift)), i32.const(mask)),
    };
  for (let i = 0, factor = 1; i < FACTORS; i++) {
    // A generator of odd numbers (Knuth, TAOCP 3.2.1).
    factor = (Math.imul(factor, 0x5bd1e995) + 0x3c6ef372) | 1;
    const by = factor;
    yield {
      bits,
      slotOf: (low) => Math.imul(low, by) >>> (32 - bits),
      emit: (low) => i32.shrU(i32.mul(low, i32.const(by)), i32.const(32 - bits)),
    };
  }
}
