import { DESCRIPTOR, OPERAND_BYTES } from "../../src/layout.ts";
import { type OperandCode, parseOperandCode, SELECTOR } from "../../src/operand-codes.ts";
import { MAX_OPERANDS } from "../../src/operands.ts";
import { REGISTER_CLASS } from "../../src/registers.ts";
import { ROW_FLAGS } from "../../src/row-fields.ts";

/** Bit of a row's flags by SELECTOR. */
const SELECTOR_SHIFT: Readonly<Record<number, number>> = {
  [SELECTOR.operandSize]: ROW_FLAGS.operandSizeShift,
  [SELECTOR.vectorLength]: ROW_FLAGS.vectorLengthShift,
  [SELECTOR.addressSize]: ROW_FLAGS.addressSizeShift,
  [SELECTOR.mode]: ROW_FLAGS.modeShift,
};

/** Classes of the index register by what stands behind vm32 and vm64. */
const VECTOR_INDEX: Readonly<Record<string, readonly [number, number, number]>> = {
  dq: [REGISTER_CLASS.xmm, REGISTER_CLASS.xmm, REGISTER_CLASS.xmm],
  qq: [REGISTER_CLASS.ymm, REGISTER_CLASS.ymm, REGISTER_CLASS.ymm],
  oo: [REGISTER_CLASS.zmm, REGISTER_CLASS.zmm, REGISTER_CLASS.zmm],
  x: [REGISTER_CLASS.xmm, REGISTER_CLASS.ymm, REGISTER_CLASS.zmm],
  h: [REGISTER_CLASS.xmm, REGISTER_CLASS.xmm, REGISTER_CLASS.ymm],
};

function bytesIndex(bytes: number): number {
  const index = OPERAND_BYTES.indexOf(bytes);
  if (index < 0) throw new Error(`an operand of ${bytes} bytes: add the number to OPERAND_BYTES`);
  return index;
}

function words(operand: OperandCode): [number, number] {
  const vector = VECTOR_INDEX[/\/vm\d\d([a-z]+)$/.exec(operand.code)?.[1] ?? ""];
  const selector = vector === undefined ? operand.selector : SELECTOR.vectorLength;
  const classes = vector ?? operand.classes;
  return [
    operand.source |
      ((SELECTOR_SHIFT[selector] ?? 0) << DESCRIPTOR.selectorShift) |
      (operand.fixed << DESCRIPTOR.fixedShift) |
      (vector === undefined ? 0 : DESCRIPTOR.vectorIndex),
    classes.reduce((word, value, i) => word | (value << (i * DESCRIPTOR.classBits)), 0) |
      operand.sizes.reduce(
        (word, bytes, i) => word | (bytesIndex(bytes) << (DESCRIPTOR.bytesShift + i * DESCRIPTOR.bytesBits)),
        0,
      ),
  ];
}

/** The descriptors of lists of operands as in SIGNATURES: MAX_OPERANDS times two words each. */
export function operandDescriptors(signatures: readonly string[]): number[] {
  return signatures.flatMap((signature) => {
    const codes = signature === "" ? [] : signature.split(" ").map((word) => word.slice(word.indexOf(":") + 1));
    const own = codes.flatMap((code, n) =>
      words(parseOperandCode(code, code.startsWith("I") && codes.slice(0, n).some((other) => other.startsWith("I")))),
    );
    return [...own, ...new Array<number>(MAX_OPERANDS * 2 - own.length).fill(0)];
  });
}
