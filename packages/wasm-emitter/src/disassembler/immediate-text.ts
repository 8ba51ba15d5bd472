import { UnreadableModuleError } from "../errors.ts";
import type { ByteReader } from "./byte-reader.ts";
import { readValueType } from "./module-reader.ts";
import type { ImmediateKind } from "./operators.ts";

/** An immediate as the text format writes it, and the numbers in it that mean something. */
export interface ImmediateText {
  /** Empty, or what stands behind the operator's name. */
  readonly text: string;
  /** Relative depths of branches. */
  readonly labels?: readonly number[];
  readonly functionIndex?: number;
  readonly typeIndex?: number;
  /** A large constant in hexadecimal. */
  readonly hexadecimal?: string;
}

const EMPTY_BLOCK = -64n;
/** Constants from here on, up and down, are told in hexadecimal too. */
const LARGE = 256n;

/** Block types are signed numbers of 33 bits: one byte of a value type, 0x40 for none, or the index of a function type. */
function blockType(reader: ByteReader): ImmediateText {
  const start = reader.offset;
  const value = reader.signed();
  if (value === EMPTY_BLOCK) return { text: "" };
  if (value >= 0n) return { text: `(type ${value})`, typeIndex: Number(value) };
  reader.offset = start;
  return { text: `(result ${readValueType(reader)})` };
}

/** The hint of alignment is read and not written: the emitter's accesses are all aligned to a byte. */
function memoryArgument(reader: ByteReader): string {
  const flags = reader.unsigned();
  const memory = flags >= 0x40 ? reader.unsigned() : 0;
  const offset = reader.unsigned();
  return [memory === 0 ? [] : [String(memory)], offset === 0 ? [] : [`offset=${offset}`]].flat().join(" ");
}

function indirect(reader: ByteReader): ImmediateText {
  const typeIndex = reader.unsigned();
  const table = reader.unsigned();
  return { text: `${table === 0 ? "" : `${table} `}(type ${typeIndex})`, typeIndex };
}

/** As many digits as tell it from its neighbours; NaN with the bits that say which. */
function float(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const value = bytes.length === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  if (!Number.isNaN(value)) return Object.is(value, -0) ? "-0" : String(value).replace("Infinity", "inf");
  const bits = bytes.length === 4 ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true);
  const [sign, payload] = bytes.length === 4 ? [31n, 23n] : [63n, 52n];
  return `${bits >> sign === 0n ? "" : "-"}nan:0x${(bits & ((1n << payload) - 1n)).toString(16)}`;
}

function vector(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const words = [0, 4, 8, 12].map((at) => `0x${view.getUint32(at, true).toString(16).padStart(8, "0")}`);
  return `i32x4 ${words.join(" ")}`;
}

function heapType(reader: ByteReader): string {
  const at = reader.offset;
  const code = reader.byte();
  if (code === 0x70) return "func";
  if (code === 0x6f) return "extern";
  throw new UnreadableModuleError(`0x${code.toString(16)} at ${at} is no known heap type`);
}

const pair = (first: number, second: number): string => (first === 0 && second === 0 ? "" : `${first} ${second}`);

/** Reads what follows an opcode. */
export function readImmediate(reader: ByteReader, kind: ImmediateKind): ImmediateText {
  switch (kind) {
    case "none":
      return { text: "" };
    case "block":
      return blockType(reader);
    case "label": {
      const label = reader.unsigned();
      return { text: String(label), labels: [label] };
    }
    case "labels": {
      const labels = reader.list(() => reader.unsigned());
      labels.push(reader.unsigned());
      return { text: labels.join(" "), labels };
    }
    case "index":
      return { text: String(reader.unsigned()) };
    case "function": {
      const functionIndex = reader.unsigned();
      return { text: String(functionIndex), functionIndex };
    }
    case "indirect":
      return indirect(reader);
    case "types":
      return { text: `(result ${reader.list(() => readValueType(reader)).join(" ")})` };
    case "heap":
      return { text: heapType(reader) };
    case "memory":
      return { text: memoryArgument(reader) };
    case "memoryLane": {
      const argument = memoryArgument(reader);
      return { text: `${argument === "" ? "" : `${argument} `}${reader.byte()}` };
    }
    case "lane":
      return { text: String(reader.byte()) };
    case "shuffle":
      return { text: reader.bytes(16).join(" ") };
    case "zeroIndex": {
      const index = reader.unsigned();
      return { text: index === 0 ? "" : String(index) };
    }
    case "segment": {
      const segment = reader.unsigned();
      const target = reader.unsigned();
      return { text: target === 0 ? String(segment) : `${target} ${segment}` };
    }
    case "twoIndices":
      return { text: pair(reader.unsigned(), reader.unsigned()) };
    case "i32":
    case "i64": {
      const value = reader.signed();
      const isLarge = value >= LARGE || value <= -LARGE;
      const digits = (): string => `0x${BigInt.asUintN(kind === "i32" ? 32 : 64, value).toString(16)}`;
      return { text: String(value), ...(isLarge ? { hexadecimal: digits() } : {}) };
    }
    case "f32":
      return { text: float(reader.bytes(4)) };
    case "f64":
      return { text: float(reader.bytes(8)) };
    case "v128":
      return { text: vector(reader.bytes(16)) };
  }
}
