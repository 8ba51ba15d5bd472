import { UnreadableModuleError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { type ImmediateText, readImmediate } from "./immediate-text.ts";
import { type ModuleFunction, type ModuleOutline, readModule, readValueType } from "./module-reader.ts";
import { OPERATORS, type Operator } from "./operators.ts";

/** One operator of a function. */
export interface WasmLine {
  /** Of its opcode in the module's bytes. */
  readonly offset: number;
  /** How many blocks it is in; `else` and `end` count as outside of theirs. */
  readonly depth: number;
  /** Operator and immediates as the text format writes them, but for hints of alignment. */
  readonly text: string;
  /** What the numbers mean: which label a branch goes to, a function's name, a type, hexadecimal digits. Often empty. */
  readonly comment: string;
}

/** A function as text. */
export interface WasmFunctionText {
  readonly index: number;
  readonly name: string | undefined;
  /** "(param i32 i32) (result i64)". */
  readonly type: string;
  /** Types of the locals behind the parameters. */
  readonly locals: readonly string[];
  /**
   * One for each operator, the last one the `end` of the body. While a function is being written, FunctionBuilder.instructions
   * is the position of the line that comes next; what FunctionBuilder.atStart writes comes before all others, though.
   */
  readonly lines: readonly WasmLine[];
}

/**
 * The text of one function of a module.
 *
 * @throws UnreadableModuleError when the bytes cannot be read, or define no such function.
 */
export function disassemble(
  module: Uint8Array,
  { functionIndex }: { readonly functionIndex: number },
): WasmFunctionText {
  const outline = readModule(module);
  const found = outline.functions[functionIndex];
  if (found?.body === undefined) {
    const why = found === undefined ? `has ${outline.functions.length} functions` : "imports that one";
    throw new UnreadableModuleError(`function ${functionIndex} was asked for, but the module ${why}`);
  }
  const reader = new ByteReader(module, found.body.start, found.body.end);
  const { index, name, type } = found;
  return {
    index,
    name,
    type,
    locals: readLocals(reader),
    lines: [...readLines(reader, outline)],
  };
}

/** Which functions a module has, imports first. */
export function functionsOf(module: Uint8Array): readonly ModuleFunction[] {
  return readModule(module).functions;
}

/** Engines refuse more (the JavaScript API's limits). */
const MOST_LOCALS = 50_000;

function readLocals(reader: ByteReader): string[] {
  const locals: string[] = [];
  reader.list(() => {
    const count = reader.unsigned();
    const type = readValueType(reader);
    if (locals.length + count > MOST_LOCALS) {
      throw new UnreadableModuleError(`the function has more than ${MOST_LOCALS} locals`);
    }
    for (let i = 0; i < count; i++) locals.push(type);
  });
  return locals;
}

function* readLines(reader: ByteReader, outline: ModuleOutline): Generator<WasmLine> {
  /** Numbers of the blocks that are open, counted as they begin; the body is 0. */
  const open: number[] = [0];
  let blocks = 0;
  while (open.length > 0) {
    const { offset } = reader;
    const { name, immediate } = readOperator(reader);
    const read = readImmediate(reader, immediate);
    const text = read.text === "" ? name : `${name} ${read.text}`;
    const innermost = open.at(-1) ?? 0;
    if (name === "end") {
      open.pop();
      yield { offset, depth: Math.max(open.length - 1, 0), text, comment: labelName(innermost) };
    } else if (name === "else") {
      yield { offset, depth: Math.max(open.length - 2, 0), text, comment: labelName(innermost) };
    } else {
      const depth = open.length - 1;
      if (immediate === "block") open.push(++blocks);
      const comment = immediate === "block" ? labelName(blocks) : commentOf(read, open, outline);
      yield { offset, depth, text, comment };
    }
  }
  if (!reader.isAtEnd)
    throw new UnreadableModuleError(`the function's body goes on behind its end, at ${reader.offset}`);
}

function readOperator(reader: ByteReader): Operator {
  const { offset } = reader;
  const first = reader.byte();
  const isPrefix = first === 0xfc || first === 0xfd || first === 0xfe;
  const opcode = isPrefix ? first * 0x100 + reader.unsigned() : first;
  const operator = OPERATORS.get(opcode);
  if (operator !== undefined) return operator;
  throw new UnreadableModuleError(`the opcode 0x${opcode.toString(16)} at ${offset} has no name here`);
}

/** The body's label is where `return` goes. */
const labelName = (block: number): string => (block === 0 ? "" : `@${block}`);

function commentOf(
  { labels, functionIndex, typeIndex, hexadecimal }: ImmediateText,
  open: readonly number[],
  { functions, types }: ModuleOutline,
): string {
  if (labels !== undefined) {
    return labels.map((label) => labelName(open.at(-1 - label) ?? 0) || "return").join(" ");
  }
  if (functionIndex !== undefined) return functions[functionIndex]?.name ?? "";
  if (typeIndex !== undefined) return types[typeIndex] ?? "";
  return hexadecimal ?? "";
}
