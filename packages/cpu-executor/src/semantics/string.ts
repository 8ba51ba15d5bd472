import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { SEGMENT_SLOT } from "../context.ts";
import type { SegmentAccess, SemanticsBuilder } from "./builder.ts";
import { repeatAll, repeatPiece, type StringMove } from "./string-pieces.ts";
import type { Semantics, SemanticsEntry, SemanticsTable } from "./table.ts";
import type { Value } from "./width.ts";

const SOURCE_INDEX = 6;
const DESTINATION_INDEX = 7;
const COUNT = 1;

interface Pointer {
  readonly linear: I64;
  readonly advance: () => void;
}

function pointer(
  b: SemanticsBuilder,
  register: typeof SOURCE_INDEX | typeof DESTINATION_INDEX,
  access: SegmentAccess = "read",
): Pointer {
  const { bytes } = b.width;
  const offset = b.let(b.addressTruncate(b.readRegister(register, 64) as I64));
  const linear =
    register === SOURCE_INDEX
      ? b.operandLinear(offset, bytes, access)
      : b.segmentLinear(SEGMENT_SLOT.destination, offset, bytes, access);
  return { linear, advance: () => b.writeAddressRegister(register, i64.add(offset, b.stringStep(bytes))) };
}

interface Repeated {
  /** Whether to go on where there are more. */
  readonly again?: () => I32;
  /** Several elements may be done as one. */
  readonly kind?: StringMove;
}

/**
 * Repetition: one element an execution, or a piece of several that would give the same. The block ends here and is entered again
 * for the next, so budgets and interrupts fall between elements, and each element counts as one instruction.
 */
function repeated(b: SemanticsBuilder, element: () => void, { again, kind }: Repeated = {}): void {
  if (b.shape.repeat === "none") {
    element();
    return;
  }
  const count = b.let(b.addressTruncate(b.readRegister(COUNT, 64) as I64));
  const several = kind === undefined ? undefined : b.severalElements;
  if (kind !== undefined && several?.rest === "elsewhere") {
    repeatAll(b, count, kind, several);
    return;
  }
  b.code.if(i64.eqz(count), () => {
    // A count of 32 bits becomes one of 64 even if there is nothing to repeat.
    b.writeAddressRegister(COUNT, count);
    b.branch(i32.const(0));
  });
  if (kind !== undefined && several !== undefined) repeatPiece(b, count, kind, several);
  element();
  const left = b.let(b.addressTruncate(i64.sub(count, i64.const(1))));
  b.writeAddressRegister(COUNT, left);
  const more = i64.ne(left, i64.const(0));
  b.branch(again === undefined ? more : i32.and(more, again()));
}

const compared = (b: SemanticsBuilder, first: Value, second: Value): void => {
  b.setFlags("sub", b.let(b.width.sub(first, second)), second, first);
};

/** REPE goes on while ZF is 1, REPNE while it is 0. */
const whileZero = (b: SemanticsBuilder) => (): I32 => b.condition(b.shape.repeat === "rep" ? 4 : 5);

const moves: Semantics = (b) =>
  repeated(
    b,
    () => {
      const source = pointer(b, SOURCE_INDEX);
      const value = b.load(b.width, source.linear);
      const destination = pointer(b, DESTINATION_INDEX, "write");
      b.store(b.width, destination.linear, value);
      source.advance();
      destination.advance();
    },
    { kind: "move" },
  );

const stores: Semantics = (b) =>
  repeated(
    b,
    () => {
      const destination = pointer(b, DESTINATION_INDEX, "write");
      b.store(b.width, destination.linear, b.let(b.readRegister(0, b.shape.bits)));
      destination.advance();
    },
    { kind: "store" },
  );

const loads: Semantics = (b) =>
  repeated(b, () => {
    const source = pointer(b, SOURCE_INDEX);
    b.writeRegister(0, b.shape.bits, b.load(b.width, source.linear));
    source.advance();
  });

const compares: Semantics = (b) =>
  repeated(
    b,
    () => {
      // Of two addresses that fault, a processor reports ES:rDI.
      const destination = pointer(b, DESTINATION_INDEX);
      const second = b.load(b.width, destination.linear);
      const source = pointer(b, SOURCE_INDEX);
      const first = b.load(b.width, source.linear);
      source.advance();
      destination.advance();
      compared(b, first, second);
    },
    { again: whileZero(b) },
  );

const scans: Semantics = (b) =>
  repeated(
    b,
    () => {
      const destination = pointer(b, DESTINATION_INDEX);
      const second = b.load(b.width, destination.linear);
      const first = b.let(b.readRegister(0, b.shape.bits));
      destination.advance();
      compared(b, first, second);
    },
    { again: whileZero(b) },
  );

const forms = (stem: string, write: Semantics): [string, SemanticsEntry][] =>
  ["b", "w", "d", "q"].map((size) => [stem + size, { write, repeats: true }]);

export const strings: SemanticsTable = Object.fromEntries([
  ...forms("movs", moves),
  ...forms("stos", stores),
  ...forms("lods", loads),
  ...forms("cmps", compares),
  ...forms("scas", scans),
]);
