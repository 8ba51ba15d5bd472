import { type I32, type I64, i32, i64, select } from "@likex/wasm-emitter";
import { CONTEXT, RFLAGS, TLB } from "../context.ts";
import type { SemanticsBuilder, SeveralElements } from "./builder.ts";
import { entryOf, hostOf } from "./memory-access.ts";
import type { Value } from "./width.ts";

const SOURCE_INDEX = 6;
const DESTINATION_INDEX = 7;
const COUNT = 1;
const PAGE = 4096;
/** From so many bytes on the engine's own copy and fill are faster than a loop: they are calls. */
const LONG = 64;

interface Piece {
  readonly register: typeof SOURCE_INDEX | typeof DESTINATION_INDEX;
  readonly offset: I64;
  readonly end: I64;
  readonly host: I32;
  /** Elements in the page. */
  readonly room: I64;
}

export type StringMove = "move" | "store";

type GiveUp = (condition: I32) => void;

const lesser = (b: SemanticsBuilder, x: I64, y: I64): I64 => b.let(select(i64.ltU(x, y), x, y));

/** What the soft TLB has of the page that the next element lies in. */
function pieceAt(
  b: SemanticsBuilder,
  { segment }: SeveralElements,
  of: "source" | "destination",
  giveUpIf: GiveUp,
): Piece {
  const { bytes } = b.width;
  const register = of === "source" ? SOURCE_INDEX : DESTINATION_INDEX;
  const offset = b.let(b.addressTruncate(b.readRegister(register, 64) as I64));
  const { base, end } = segment(of);
  const at = entryOf(b, of === "source" ? TLB.read : TLB.write, bytes, i64.add(base, offset));
  giveUpIf(at.miss);
  const room = i64.shrU(i64.sub(i64.const(PAGE), at.delta), i64.const(Math.log2(bytes)));
  return { register, offset, end, host: b.let(hostOf(at)), room: b.let(room) };
}

/** Calls `element` with the distance of each element from the first, in order. */
function forEach(b: SemanticsBuilder, length: I32, element: (distance: I32) => void): void {
  const { code } = b;
  const distance = b.temporary("i32");
  code.set(distance, i32.const(0));
  code.loop((next) => {
    element(code.get(distance));
    code.set(distance, i32.add(code.get(distance), i32.const(b.width.bytes)));
    code.brIf(next, i32.ltU(code.get(distance), length));
  });
}

/** A source that is overwritten ahead of where it is read repeats itself: element by element, as the processor does it. */
function copy(b: SemanticsBuilder, from: Piece, to: Piece, length: I32): void {
  const ahead = b.let(i32.sub(to.host, from.host));
  const isSimple = i32.and(
    i32.geU(length, i32.const(LONG)),
    i32.geU(i32.sub(ahead, i32.const(1)), i32.sub(length, i32.const(1))),
  );
  b.code.if(
    isSimple,
    () => b.code.memoryCopy(to.host, from.host, length),
    () =>
      forEach(b, length, (distance) =>
        b.code.store(b.width.store, i32.add(to.host, distance), b.width.load(i32.add(from.host, distance))),
      ),
  );
}

function fill(b: SemanticsBuilder, to: Piece, value: Value, length: I32): void {
  const { width, code } = b;
  const low = b.let(i32.and(i32.wrap(width.zeroExtend64(value)), i32.const(0xff)));
  const repeated = i64.mul(i64.extendU(low), i64.const(0x0101_0101_0101_0101n & ((1n << BigInt(width.bits)) - 1n)));
  const isOneByte = i64.eq(repeated, width.zeroExtend64(value));
  code.if(
    i32.and(i32.geU(length, i32.const(LONG)), isOneByte),
    () => code.memoryFill(to.host, low, length),
    () => forEach(b, length, (distance) => code.store(width.store, i32.add(to.host, distance), value)),
  );
}

/**
 * REP MOVS or REP STOS upwards: as many elements as the soft TLB's pages of source and destination hold, the count and the budget
 * allow, as one. Where that is not more than one, or anything else is needed, nothing is written. Who has the rest done elsewhere
 * gives up where it is not all.
 */
function writePiece(
  b: SemanticsBuilder,
  count: I64,
  kind: StringMove,
  several: SeveralElements,
  giveUpIf: GiveUp,
): I64 {
  giveUpIf(i32.and(b.contextLoad(CONTEXT.flagRest, 32) as I32, i32.const(RFLAGS.df)));
  const to = pieceAt(b, several, "destination", giveUpIf);
  const from = kind === "move" ? pieceAt(b, several, "source", giveUpIf) : undefined;
  let elements = lesser(b, count, i64.add(i64.extendU(several.further), i64.const(1)));
  const pieces = from === undefined ? [to] : [to, from];
  for (const { room } of pieces) elements = lesser(b, elements, room);
  giveUpIf(several.rest === "again" ? i64.leU(elements, i64.const(1)) : i64.ltU(elements, count));
  const length = b.let(i64.shl(elements, i64.const(Math.log2(b.width.bytes))));
  for (const { offset, end } of pieces) {
    const last = b.let(b.addressTruncate(i64.add(offset, i64.sub(length, i64.const(1)))));
    giveUpIf(i32.or(i64.geU(last, end), i64.ltU(last, offset)));
  }
  if (from === undefined) fill(b, to, b.let(b.readRegister(0, b.shape.bits)), i32.wrap(length));
  else copy(b, from, to, i32.wrap(length));
  several.count(i32.sub(i32.wrap(elements), i32.const(1)));
  for (const { register, offset } of pieces) b.writeAddressRegister(register, i64.add(offset, length));
  const left = b.let(b.addressTruncate(i64.sub(count, elements)));
  b.writeAddressRegister(COUNT, left);
  return left;
}

/** A piece, behind which the instruction is executed again for what is left; where there is none the code goes on. */
export function repeatPiece(b: SemanticsBuilder, count: I64, kind: StringMove, several: SeveralElements): void {
  b.attempt(({ giveUpIf }) => b.branch(i64.ne(writePiece(b, count, kind, several, giveUpIf), i64.const(0))));
}

/** All elements, or none. */
export function repeatAll(b: SemanticsBuilder, count: I64, kind: StringMove, several: SeveralElements): void {
  const all = (): void =>
    b.usually(
      (giveUpIf) => writePiece(b, count, kind, several, giveUpIf),
      () => undefined,
    );
  b.code.if(i64.eqz(count), () => b.writeAddressRegister(COUNT, count), all);
}
