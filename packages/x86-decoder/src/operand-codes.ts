import { OPERAND_SOURCE as SOURCE } from "./layout.ts";
import { REGISTER_CLASS } from "./registers.ts";

/** What selects among the three register classes and sizes of an operand code. */
export const SELECTOR = { operandSize: 0, vectorLength: 1, addressSize: 2, mode: 3 } as const;

/** An operand code of the instruction table (SDM Vol 2, appendix A.2, extended), worked out. */
export interface OperandCode {
  readonly code: string;
  /** OPERAND_SOURCE */
  readonly source: number;
  /** SELECTOR */
  readonly selector: number;
  /** REGISTER_CLASS by selector. */
  readonly classes: readonly [number, number, number];
  /** Bytes of the operand in memory, or of the immediate, by selector; 0: no size. */
  readonly sizes: readonly [number, number, number];
  /** Register number of a fixed register. */
  readonly fixed: number;
}

type Triple = readonly [number, number, number];

const C = REGISTER_CLASS;
const all = (value: number): Triple => [value, value, value];

const FIXED: Readonly<Record<string, readonly [Triple, number]>> = {
  AL: [all(C.gpr8), 0],
  AH: [all(C.gpr8High), 4],
  CL: [all(C.gpr8), 1],
  AX: [all(C.gpr16), 0],
  DX: [all(C.gpr16), 2],
  eAX: [[C.gpr16, C.gpr32, C.gpr32], 0],
  rAX: [[C.gpr16, C.gpr32, C.gpr64], 0],
  ST: [all(C.x87), 0],
  ES: [all(C.segment), 0],
  CS: [all(C.segment), 1],
  SS: [all(C.segment), 2],
  DS: [all(C.segment), 3],
  FS: [all(C.segment), 4],
  GS: [all(C.segment), 5],
};

/** Size codes: bytes by selector. */
const SIZES: Readonly<Record<string, readonly [number, Triple]>> = {
  "": [SELECTOR.operandSize, all(0)],
  b: [SELECTOR.operandSize, all(1)],
  w: [SELECTOR.operandSize, all(2)],
  sh: [SELECTOR.operandSize, all(2)],
  d: [SELECTOR.operandSize, all(4)],
  ss: [SELECTOR.operandSize, all(4)],
  q: [SELECTOR.operandSize, all(8)],
  sd: [SELECTOR.operandSize, all(8)],
  t: [SELECTOR.operandSize, all(10)],
  bcd: [SELECTOR.operandSize, all(10)],
  dq: [SELECTOR.operandSize, all(16)],
  qq: [SELECTOR.operandSize, all(32)],
  oo: [SELECTOR.operandSize, all(64)],
  v: [SELECTOR.operandSize, [2, 4, 8]],
  z: [SELECTOR.operandSize, [2, 4, 4]],
  zx: [SELECTOR.operandSize, [2, 4, 4]],
  y: [SELECTOR.operandSize, [4, 4, 8]],
  p: [SELECTOR.operandSize, [4, 6, 10]],
  bs: [SELECTOR.operandSize, [2, 4, 8]],
  s: [SELECTOR.mode, [6, 6, 10]],
  env: [SELECTOR.operandSize, [14, 28, 28]],
  state: [SELECTOR.operandSize, [94, 108, 108]],
  fxsave: [SELECTOR.operandSize, all(512)],
  xsave: [SELECTOR.operandSize, all(0)],
  tilecfg: [SELECTOR.operandSize, all(64)],
  sib: [SELECTOR.operandSize, all(0)],
  kl128: [SELECTOR.operandSize, all(48)],
  kl256: [SELECTOR.operandSize, all(64)],
  x: [SELECTOR.vectorLength, [16, 32, 64]],
  ps: [SELECTOR.vectorLength, [16, 32, 64]],
  pd: [SELECTOR.vectorLength, [16, 32, 64]],
  ph: [SELECTOR.vectorLength, [16, 32, 64]],
  h: [SELECTOR.vectorLength, [8, 16, 32]],
  f: [SELECTOR.vectorLength, [4, 8, 16]],
  e: [SELECTOR.vectorLength, [2, 4, 8]],
};

const GENERAL: Readonly<Record<number, number>> = { 1: C.gpr8, 2: C.gpr16, 4: C.gpr32, 8: C.gpr64 };

const mapTriple = (triple: Triple, change: (value: number) => number): Triple => [
  change(triple[0]),
  change(triple[1]),
  change(triple[2]),
];

const vectorClass = (bytes: number): number => (bytes >= 64 ? C.zmm : bytes === 32 ? C.ymm : C.xmm);

/** Address methods: source, and which registers they are. */
const METHODS: Readonly<Record<string, readonly [number, "general" | "vector" | number]>> = {
  G: [SOURCE.reg, "general"],
  E: [SOURCE.rmOrMemory, "general"],
  R: [SOURCE.rm, "general"],
  Z: [SOURCE.rm, "general"],
  B: [SOURCE.vvvv, "general"],
  V: [SOURCE.reg, "vector"],
  W: [SOURCE.rmOrMemory, "vector"],
  U: [SOURCE.rm, "vector"],
  H: [SOURCE.vvvv, "vector"],
  L: [SOURCE.immediateRegister, "vector"],
  P: [SOURCE.reg, C.mmx],
  Q: [SOURCE.rmOrMemory, C.mmx],
  N: [SOURCE.rm, C.mmx],
  M: [SOURCE.memory, C.gpr8],
  O: [SOURCE.memory, C.gpr8],
  S: [SOURCE.reg, C.segment],
  C: [SOURCE.reg, C.control],
  D: [SOURCE.reg, C.debug],
  KG: [SOURCE.reg, C.opmask],
  KH: [SOURCE.vvvv, C.opmask],
  KU: [SOURCE.rm, C.opmask],
  KW: [SOURCE.rmOrMemory, C.opmask],
  TG: [SOURCE.reg, C.tile],
  TH: [SOURCE.vvvv, C.tile],
  TU: [SOURCE.rm, C.tile],
  I: [SOURCE.immediate, C.gpr8],
  J: [SOURCE.branch, C.gpr8],
  A: [SOURCE.farPointer, C.gpr8],
  X: [SOURCE.stringSource, C.gpr8],
  Y: [SOURCE.stringDestination, C.gpr8],
};

function classesOf(kind: "general" | "vector" | number, size: string): { selector: number; classes: Triple } {
  const [selector, bytes] = SIZES[size] ?? [SELECTOR.operandSize, all(0)];
  if (typeof kind === "number") return { selector, classes: all(kind) };
  if (kind === "vector") return { selector, classes: mapTriple(bytes, vectorClass) };
  if (size === "a") return { selector: SELECTOR.addressSize, classes: [C.gpr16, C.gpr32, C.gpr64] };
  return { selector, classes: mapTriple(bytes, (value) => GENERAL[value] ?? C.gpr32) };
}

/** Works an operand code out; throws for one that means nothing, which the generator and the tests rule out. */
export function parseOperandCode(code: string, isSecondImmediate: boolean): OperandCode {
  const make = (source: number, selector: number, classes: Triple, sizes: Triple, fixed = 0): OperandCode => ({
    code,
    source,
    selector,
    classes,
    sizes,
    fixed,
  });
  const fixed = FIXED[code];
  if (fixed !== undefined) return make(SOURCE.fixed, SELECTOR.operandSize, fixed[0], all(0), fixed[1]);
  if (code === "1") return make(SOURCE.one, SELECTOR.operandSize, all(0), all(1));
  if (code === "STi") return make(SOURCE.rm, SELECTOR.operandSize, all(C.x87), all(10));
  if (code === "I4") return make(SOURCE.lowImmediate, SELECTOR.operandSize, all(0), all(1));
  const masked = /^Z(q|dq)I$/.exec(code);
  if (masked !== null) {
    return make(SOURCE.maskedDestination, SELECTOR.operandSize, all(0), masked[1] === "q" ? all(8) : all(16));
  }
  // A register and memory of different sizes: Ry/Mb, Ux/Mq; memory by vector index: Md/vm32x; registers in a row: Hdq+3.
  const [first = "", second] = code.replace(/\+\d$/, "").split("/");
  const method = /^[KT]/.test(first) ? first.slice(0, 2) : first.slice(0, 1);
  const entry = METHODS[method];
  const size = first.slice(method.length);
  const memorySize = second?.startsWith("M") ? second.slice(1) : size;
  const sizes = SIZES[memorySize];
  if (entry === undefined || (sizes === undefined && size !== "a")) throw new Error(`operand code "${code}"`);
  const { selector, classes } = classesOf(entry[1], size);
  let [source] = entry;
  if (second?.startsWith("M") && source === SOURCE.rm) source = SOURCE.rmOrMemory;
  // A branch target is as wide as the operand size; XBEGIN's is never cut to 16 bits (SDM Vol 2, XBEGIN).
  if (source === SOURCE.branch)
    return make(source, SELECTOR.operandSize, classes, size === "zx" ? [4, 4, 8] : [2, 4, 8]);
  if (source === SOURCE.immediate && isSecondImmediate) source = SOURCE.secondImmediate;
  // Immediates are extended to the operand size.
  if (size === "z" && method === "I") return make(source, selector, classes, [2, 4, 8]);
  if (size === "a" && method === "M") return make(source, SELECTOR.operandSize, classes, [4, 8, 8]);
  return make(source, selector, classes, sizes?.[1] ?? all(0));
}
