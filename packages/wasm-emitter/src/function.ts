import { ByteWriter } from "./bytes.ts";
import { WasmEmitterError } from "./errors.ts";
import {
  type Expression,
  expression,
  type I32,
  requireType,
  VALUE_TYPE_CODE,
  type ValueType,
  writeExpression,
  writeImmediate,
  writeOpcode,
} from "./expression.ts";
import { memarg, STORE_OPCODE, type StoreKind } from "./memory.ts";

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A function of the module, imported or defined: what a call names. */
export interface FunctionReference {
  readonly index: number;
  readonly type: FunctionType;
}

/** A local variable or parameter. */
export interface Local<T extends ValueType = ValueType> {
  readonly index: number;
  readonly type: T;
}

/** A place that a branch can go to: the end of a block or the start of a loop. */
export interface Label {
  readonly depth: number;
}

/** Writes one function body, statement by statement. Control constructs take their bodies as callbacks. */
export class FunctionBuilder implements FunctionReference {
  readonly index: number;
  readonly type: FunctionType;
  readonly name: string;
  #code = new ByteWriter();
  #start = new ByteWriter();
  readonly #locals: ValueType[] = [];
  #depth = 0;
  #instructions = 0;

  constructor(index: number, type: FunctionType, name: string) {
    this.index = index;
    this.type = type;
    this.name = name;
  }

  /** Instructions written so far, counted as the text format would list them. */
  get instructions(): number {
    return this.#instructions;
  }

  param<T extends ValueType>(position: number, type: T): Local<T> {
    if (this.type.params[position] !== type) {
      throw new WasmEmitterError(
        `parameter ${position} of ${this.name} is ${this.type.params[position] ?? "absent"}, asked for ${type}`,
      );
    }
    return { index: position, type };
  }

  /** A fresh local variable, zero at entry. */
  local<T extends ValueType>(type: T): Local<T> {
    this.#locals.push(type);
    return { index: this.type.params.length + this.#locals.length - 1, type };
  }

  get<T extends ValueType>(local: Local<T>): Expression<T> {
    return expression(local.type, 0x20, [], { kind: "index", value: local.index });
  }

  set<T extends ValueType>(local: Local<T>, value: Expression<T>): void {
    this.#write(value);
    this.#op(0x21, local.index);
  }

  /** Assigns and yields the value in one instruction. */
  tee<T extends ValueType>(local: Local<T>, value: Expression<T>): Expression<T> {
    return expression(local.type, 0x22, [value], { kind: "index", value: local.index });
  }

  store(kind: StoreKind, address: I32, value: Expression, offset = 0): void {
    requireType(value, kind === "v128" ? "v128" : kind.startsWith("i32") ? "i32" : "i64", `store ${kind}`);
    this.#write(address);
    this.#write(value);
    writeOpcode(this.#code, STORE_OPCODE[kind]);
    writeImmediate(this.#code, memarg(offset));
    this.#instructions++;
  }

  /** A call as a value; the function must have exactly one result. */
  call<T extends ValueType>(type: T, callee: FunctionReference, ...args: readonly Expression[]): Expression<T> {
    this.#checkCall(callee, args);
    if (callee.type.results.length !== 1 || callee.type.results[0] !== type) {
      throw new WasmEmitterError(
        `function ${callee.index} returns (${callee.type.results.join(" ")}), asked for ${type}`,
      );
    }
    return expression(type, 0x10, args, { kind: "index", value: callee.index });
  }

  /** A call of the function at `element` of table 0; the function must have this type, with exactly one result. */
  callIndirect<T extends ValueType>(
    type: T,
    typeIndex: number,
    element: I32,
    ...args: readonly Expression[]
  ): Expression<T> {
    return expression(type, 0x11, [...args, element], { kind: "indirect", type: typeIndex, table: 0 });
  }

  /** A call as a statement; results are dropped. */
  perform(callee: FunctionReference, ...args: readonly Expression[]): void {
    this.#checkCall(callee, args);
    for (const arg of args) this.#write(arg);
    this.#op(0x10, callee.index);
    for (const _ of callee.type.results) this.#op(0x1a);
  }

  #checkCall(callee: FunctionReference, args: readonly Expression[]): void {
    if (args.length !== callee.type.params.length) {
      throw new WasmEmitterError(
        `function ${callee.index} takes ${callee.type.params.length} arguments, got ${args.length}`,
      );
    }
    args.forEach((arg, i) => {
      requireType(arg, callee.type.params[i] as ValueType, `argument ${i} of function ${callee.index}`);
    });
  }

  drop(value: Expression): void {
    this.#write(value);
    this.#op(0x1a);
  }

  /** memory.copy: `length` bytes from `source` to `destination`. */
  memoryCopy(destination: I32, source: I32, length: I32): void {
    for (const e of [destination, source, length]) this.#write(e);
    this.#code.bytes([0xfc, 0x0a, 0, 0]);
    this.#instructions++;
  }

  /** memory.fill. */
  memoryFill(destination: I32, value: I32, length: I32): void {
    for (const e of [destination, value, length]) this.#write(e);
    this.#code.bytes([0xfc, 0x0b, 0]);
    this.#instructions++;
  }

  block(body: (end: Label) => void): void {
    this.#nest(0x02, body);
  }

  loop(body: (start: Label) => void): void {
    this.#nest(0x03, body);
  }

  if(condition: I32, then: (end: Label) => void, otherwise?: (end: Label) => void): void {
    this.#write(condition);
    this.#op(0x04);
    this.#code.byte(0x40);
    const label = { depth: ++this.#depth };
    then(label);
    if (otherwise !== undefined) {
      this.#op(0x05);
      otherwise(label);
    }
    this.#depth--;
    this.#op(0x0b);
  }

  br(label: Label): void {
    this.#op(0x0c, this.#distance(label));
  }

  brIf(label: Label, condition: I32): void {
    this.#write(condition);
    this.#op(0x0d, this.#distance(label));
  }

  /** Jumps to labels[selector], or to `otherwise` when the selector is out of range. */
  brTable(labels: readonly Label[], otherwise: Label, selector: I32): void {
    this.#write(selector);
    writeOpcode(this.#code, 0x0e);
    this.#code.unsigned(labels.length);
    for (const label of labels) this.#code.unsigned(this.#distance(label));
    this.#code.unsigned(this.#distance(otherwise));
    this.#instructions++;
  }

  return(...values: readonly Expression[]): void {
    for (const value of values) this.#write(value);
    this.#op(0x0f);
  }

  /** Writes code that runs before all that is written outside of this: what it must do may show only later. */
  atStart(body: () => void): void {
    const { depth, code } = { depth: this.#depth, code: this.#code };
    this.#depth = 0;
    this.#code = this.#start;
    body();
    this.#code = code;
    this.#depth = depth;
  }

  unreachable(): void {
    this.#op(0x00);
  }

  /** The body in the binary format: size, locals, code, end. */
  finish(): Uint8Array {
    const body = new ByteWriter();
    const runs: [ValueType, number][] = [];
    for (const type of this.#locals) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    body.unsigned(runs.length);
    for (const [type, count] of runs) {
      body.unsigned(count);
      body.byte(VALUE_TYPE_CODE[type]);
    }
    body.bytes(this.#start.toBytes());
    body.bytes(this.#code.toBytes());
    body.byte(0x0b);
    return body.toBytes();
  }

  #distance(label: Label): number {
    const distance = this.#depth - label.depth;
    if (distance < 0) throw new WasmEmitterError("branch to a label whose block has ended");
    return distance;
  }

  #nest(opcode: number, body: (label: Label) => void): void {
    this.#op(opcode);
    this.#code.byte(0x40);
    body({ depth: ++this.#depth });
    this.#depth--;
    this.#op(0x0b);
  }

  #write(e: Expression): void {
    this.#instructions += writeExpression(this.#code, e);
  }

  #op(opcode: number, index?: number): void {
    writeOpcode(this.#code, opcode);
    if (index !== undefined) this.#code.unsigned(index);
    this.#instructions++;
  }
}
