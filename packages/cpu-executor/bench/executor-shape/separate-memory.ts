import { CONTEXT } from "../../src/context.ts";
import type { NamedPlan } from "../../src/plan.ts";
import { fusedKey, isFusable } from "../../src/plan.ts";
import {
  InstructionSelector,
  type RecordPlace,
  type RecordWriter,
  type Selection,
  writeRecord,
} from "../../src/predecode.ts";
import { RECORD } from "../../src/record.ts";
import type { Operand, Shape } from "../../src/semantics/builder.ts";
import type { Bits } from "../../src/semantics/width.ts";
import { shapeKey } from "../../src/shapes.ts";

/** Instructions that are split: those of the main function that compute with a memory operand. */
const SPLIT: ReadonlySet<string> = new Set([
  ...["add", "sub", "adc", "sbb", "and", "or", "xor", "cmp", "test", "inc", "dec", "neg", "not"],
  ...["shl", "shr", "sar", "imul", "movzx", "movsx", "movsxd"],
]);

const READ_ONLY: ReadonlySet<string> = new Set(["cmp", "test", "imul", "movzx", "movsx", "movsxd"]);

const memoryOperand = (shape: Shape): number => shape.operands.findIndex((operand) => operand.kind === "memory");

/** The shape with a register in place of memory: the temporary. */
export function registerShape(shape: Shape): Shape | undefined {
  if (!SPLIT.has(shape.mnemonic) || shape.bits === 16 || memoryOperand(shape) < 0) return undefined;
  let slot: 0 | 1 = 0;
  const operands = shape.operands.map((operand): Operand => {
    if (operand.kind !== "memory" && operand.kind !== "register") return operand;
    const taken: Operand = { kind: "register", bits: operand.bits, slot };
    slot = 1;
    return taken;
  });
  return { ...shape, operands };
}

/** The plan without the handlers that splitting makes superfluous. */
export function separateMemoryPlan(plan: NamedPlan): NamedPlan {
  const kept = (shapes: readonly Shape[]): boolean => shapes.every((shape) => registerShape(shape) === undefined);
  const hot = plan.hot.filter((handler) => kept(handler.shapes));
  const cold = plan.cold;
  const keys = [...hot, ...cold].map((handler) => handler.shapes.map(shapeKey).join(" + "));
  return { hot, cold, extension: [], keys };
}

/** Fuses a split comparison's second record with the jump behind it. */
export class SeparateMemorySelector extends InstructionSelector {
  override fuse(first: Selection, second: Selection): number | undefined {
    const split = registerShape(first.shape);
    if (split === undefined) return super.fuse(first, second);
    return isFusable(split) ? this.handlerOf(fusedKey(shapeKey(split), second.key)) : undefined;
  }

  protected override handlerFor(shape: Shape): number | undefined {
    const split = registerShape(shape);
    return this.handlerOf(shapeKey(split ?? shape));
  }
}

const TEMPORARY = CONTEXT.temporary0;

const move = (bits: Bits, direction: "load" | "store"): string =>
  direction === "load" ? `mov ${bits} r${bits} m${bits}` : `mov ${bits} m${bits} r${bits}`;

/** Load, operation on the temporary, store: each a record. Only the last has the instruction's length. */
export function writeSeparateRecords(selector: InstructionSelector): RecordWriter {
  return (memory, at, d, selection, index, bits, nextLow, nextHigh) => {
    const size = writeRecord(memory, at, d, selection, index, bits, nextLow, nextHigh);
    const position = memoryOperand(selection.shape);
    if (registerShape(selection.shape) === undefined) return size;
    const width = (selection.shape.operands[position] as Operand).bits;
    const operation = at + RECORD.size;
    memory.u8.copyWithin(operation, at, at + RECORD.size);
    setRegisters(memory, operation, selection.shape, position);
    setHandler(memory, at, selector.handlerOf(move(width, "load")) as number);
    memory.u16[(at + RECORD.register0) >> 1] = TEMPORARY;
    memory.u8[at + RECORD.length] = 0;
    if (position !== 0 || READ_ONLY.has(selection.shape.mnemonic)) return 2 * RECORD.size;
    const store = operation + RECORD.size;
    memory.u8.copyWithin(store, at, at + RECORD.size);
    setHandler(memory, store, selector.handlerOf(move(width, "store")) as number);
    memory.u8[store + RECORD.length] = d.length;
    memory.u8[operation + RECORD.length] = 0;
    return 3 * RECORD.size;
  };
}

const setHandler = (memory: RecordPlace, at: number, handler: number): void => {
  memory.u16[(at + RECORD.handler) >> 1] = handler;
};

/** The temporary takes the place of the memory operand among the register operands. */
function setRegisters(memory: RecordPlace, at: number, shape: Shape, position: number): void {
  const { u16 } = memory;
  const other = u16[(at + RECORD.register0) >> 1] as number;
  const memoryFirst = !shape.operands.slice(0, position).some((operand) => operand.kind === "register");
  u16[(at + RECORD.register0) >> 1] = memoryFirst ? TEMPORARY : other;
  u16[(at + RECORD.register1) >> 1] = memoryFirst ? other : TEMPORARY;
}
