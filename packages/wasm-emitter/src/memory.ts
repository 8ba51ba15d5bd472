import { expression, type I32, type I64, type Immediate } from "./expression.ts";

/** x86 accesses are unaligned as a rule, so every access is hinted as byte-aligned: the hint never changes a result. */
const memarg = (offset: number): Immediate => ({ kind: "memory", align: 0, offset });

type Load<E> = (address: I32, offset?: number) => E;

const load32 =
  (opcode: number): Load<I32> =>
  (address, offset = 0) =>
    expression("i32", opcode, [address], memarg(offset));
const load64 =
  (opcode: number): Load<I64> =>
  (address, offset = 0) =>
    expression("i64", opcode, [address], memarg(offset));

/** Loads from linear memory at `address + offset` (offset 0..2^32-1). */
export const load: {
  readonly i32: Load<I32>;
  readonly i64: Load<I64>;
  readonly u8: Load<I32>;
  readonly s8: Load<I32>;
  readonly u16: Load<I32>;
  readonly s16: Load<I32>;
  readonly u8to64: Load<I64>;
  readonly u16to64: Load<I64>;
  readonly u32to64: Load<I64>;
  readonly s32to64: Load<I64>;
} = {
  i32: load32(0x28),
  i64: load64(0x29),
  s8: load32(0x2c),
  u8: load32(0x2d),
  s16: load32(0x2e),
  u16: load32(0x2f),
  u8to64: load64(0x31),
  u16to64: load64(0x33),
  s32to64: load64(0x34),
  u32to64: load64(0x35),
};

/** Opcodes of stores; FunctionBuilder.store takes their names. */
export const STORE_OPCODE = {
  i32: 0x36,
  i64: 0x37,
  i32to8: 0x3a,
  i32to16: 0x3b,
  i64to8: 0x3c,
  i64to16: 0x3d,
  i64to32: 0x3e,
  v128: 0xfd0b,
} as const;

export type StoreKind = keyof typeof STORE_OPCODE;

export { memarg };
