import { type F32, type F64, f32, f64, type I64, i32, i64 } from "@likex/wasm-emitter";
import type { Lane } from "./place.ts";
import {
  bitsOf,
  type Float,
  FORMATS,
  type Format,
  isNotQuick,
  isNotZero,
  needExact,
  needPlain,
  setNumber,
  usual,
  usualResult,
} from "./quick-float.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { call, checkSse, register, source } from "./vector-access.ts";
import { forgetExceptions, generally, raiseWhen } from "./vector-routines.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** Numbers of which a format has all integers up to. */
const INTEGERS: Readonly<Record<Lane, bigint>> = { s: 1n << 24n, d: 1n << 53n };

/** CVTSI2SS and CVTSI2SD. */
const fromGeneral = (f: Format): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const width = b.widthOfOperand(1);
    const value = b.let(width.signExtend64(b.read(1)));
    const to = register(b, 0);
    b.usually(
      (giveUpIf) => {
        const most = INTEGERS[f.lane];
        const isLarge = i64.gtU(i64.add(value, i64.const(most)), i64.const(2n * most));
        if (!(width.bits === 32 && f.lane === "d")) giveUpIf(i32.and(isLarge, isNotQuick(b)));
        setNumber(to, f, (f.float as { convert64S(a: I64): Float }).convert64S(value));
        to.setUsual(f.lane);
      },
      () => {
        forgetExceptions(b);
        raiseWhen(b, call(b, `cvtsi2s${f.lane}`, to.address(), value));
        to.written();
      },
    );
  });

/** Numbers below 2^31 or 2^63, less what rounding may add. */
const LIMIT: Readonly<Record<number, bigint>> = { 32: 0x41dfffffff800000n, 64: 0x43d0000000000000n };

/** CVTSS2SI and its like: rounding 4 is MXCSR's, 3 truncates. */
const toGeneral = (f: Format, rounding: 3 | 4): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const from = source(b, 1);
    const width = b.widthOfOperand(0);
    const bits = b.let(bitsOf(from, f));
    const result = b.temporary("i64");
    b.usually(
      (giveUpIf) => {
        const number = f.float.reinterpret(bits as I64) as Float;
        const x = b.let(f.lane === "d" ? (number as F64) : f64.promote(number as F32));
        // A comparison with a NaN is false.
        giveUpIf(i32.eqz(f64.lt(f64.abs(x), f64.reinterpret(i64.const(LIMIT[width.bits] as bigint)))));
        b.code.set(result, f64.truncate64S(rounding === 3 ? x : f64.nearest(x)));
        const isInexact = f64.ne(f64.convert64S(b.code.get(result)), x);
        giveUpIf(i32.and(isInexact, isNotQuick(b)));
      },
      () => {
        const args = [b.contextAddress(), bits, i32.const(rounding), i32.const(width.bits)];
        forgetExceptions(b);
        b.code.set(result, b.code.call("i64", b.routine(`integer_${f.lane}`), ...args));
        raiseWhen(b, call(b, "sse_finish"));
      },
    );
    b.write(0, width.from64(b.code.get(result)));
  });

/** CVTSS2SD, which is exact, and CVTSD2SS. */
const otherFormat = (f: Format, into: Format): SemanticsEntry =>
  entry((b) => {
    checkSse(b);
    const from = source(b, 1);
    const to = register(b, 0);
    b.usually(
      (giveUpIf) => {
        if (into.lane === "s") needPlain(b, giveUpIf);
        const x = usual(b, from, f, giveUpIf);
        if (into.lane === "s") {
          const result = usualResult(b, into, f32.demote(x as F64), giveUpIf, isNotZero(f, x as F64)) as F32;
          needExact(b, giveUpIf, () => f64.ne(f64.promote(result), x as F64));
          setNumber(to, into, result);
        } else {
          giveUpIf(f32.ne(x as F32, x as F32));
          setNumber(to, into, f64.promote(x as F32));
        }
        to.setUsual(into.lane);
      },
      () => generally(b, `cvts${f.lane}2s${into.lane}`, to, from),
    );
  });

const { s, d } = FORMATS;

/** Conversions of one number: to and from general registers, and between the formats. */
export const scalarConversions: SemanticsTable = {
  ...Object.fromEntries(
    [s, d].flatMap((f) => [
      [`cvtsi2s${f.lane}`, fromGeneral(f)],
      [`cvts${f.lane}2si`, toGeneral(f, 4)],
      [`cvtts${f.lane}2si`, toGeneral(f, 3)],
    ]),
  ),
  cvtss2sd: otherFormat(s, d),
  cvtsd2ss: otherFormat(d, s),
};
