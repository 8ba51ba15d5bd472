import { ENCODING, type EncodingName, MAP_INDEX } from "../../src/layout.ts";
import { parseFlags } from "./flags.ts";
import { classOf } from "./form-class.ts";
import { parseImplied } from "./implied.ts";

/** One line of the instruction table, parsed. */
export interface TableForm {
  /** The line's first column, its words one space apart. */
  readonly encoding: string;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly access: readonly string[];
  readonly implied: string;
  readonly flags: string;
  readonly attributes: readonly string[];
  readonly space: EncodingName;
  /** Index of the opcode map among the decode tree's roots (MAP_INDEX). */
  readonly map: number;
  readonly opcode: number;
  readonly registerInOpcode: boolean;
  /** Which of none, 66, F3, F2 the form matches. */
  readonly prefixes: readonly boolean[];
  readonly prefixIsSpecific: boolean;
  readonly consumes66: boolean;
  readonly hasModrm: boolean;
  readonly mod: "memory" | "register" | "any";
  /** ModRM.reg, or -1. */
  readonly digit: number;
  /** The exact ModRM byte, or -1. */
  readonly modrm: number;
  /** With `modrm`: whether its low three bits are a register and match anything. */
  readonly modrmRange: boolean;
  /** Which of 16, 32, 64 the form matches. */
  readonly operandSizes: readonly boolean[];
  /** Which of the four values of VEX.L or EVEX.L'L the form matches. */
  readonly lengths: readonly boolean[];
  /** Which values of VEX.W the form matches. */
  readonly w: readonly boolean[];
  /** Outside of 64-bit mode VEX.W is ignored. */
  readonly ignoresW32: boolean;
  readonly modes: "all" | "legacy" | "64";
  readonly sizeRule: "normal" | "d64" | "f64";
  readonly rexB0: boolean;
  readonly lock: boolean;
}

const PREFIX_SETS: Readonly<Record<string, readonly boolean[]>> = {
  NP: [true, false, false, false],
  NFx: [true, true, false, false],
  "66": [false, true, false, false],
  F3: [false, false, true, false],
  F2: [false, false, false, true],
};

const ANY_PREFIX = [true, true, true, true];

const ESCAPES: Readonly<Record<string, string>> = { "38": "0F38", "3A": "0F3A", "0F": "3DNow" };

const LENGTHS: Readonly<Record<string, readonly boolean[]>> = {
  L0: [true, false, false, false],
  L1: [false, true, false, false],
  // EVEX.L'L = 3 is reserved (SDM Vol 2, 2.7.10).
  LIG: [true, true, true, false],
};

const W_BITS: Readonly<Record<string, readonly boolean[]>> = { W0: [true, false], W1: [false, true] };

const BOTH = [true, true];

/** What the encoding column's first word says when it is VEX.…, EVEX.… or XOP.…; undefined for legacy encodings. */
interface VectorPrefix {
  readonly space: EncodingName;
  readonly lengths: readonly boolean[];
  readonly prefixes: readonly boolean[];
  readonly map: number;
  readonly w: readonly boolean[];
}

function lengthsOf(text: string): readonly boolean[] | undefined {
  if (/^(128|256|512)(\/(256|512))*$/.test(text)) {
    const given = text.split("/");
    return [...["128", "256", "512"].map((length) => given.includes(length)), false];
  }
  return LENGTHS[text];
}

function vectorPrefix(word: string): VectorPrefix | undefined {
  const [space, length = "", prefix = "", map = "", w = ""] = word.split(".");
  if (space !== "VEX" && space !== "EVEX" && space !== "XOP") return undefined;
  const lengths = lengthsOf(length);
  const prefixes = PREFIX_SETS[prefix];
  const mapIndex = MAP_INDEX[`${space} ${map}`];
  if (lengths === undefined || prefixes === undefined || mapIndex === undefined || !/^(W0|W1|WIG|)$/.test(w)) {
    throw new Error(`instruction table: "${word}"`);
  }
  return { space, lengths, prefixes, map: mapIndex, w: W_BITS[w] ?? BOTH };
}

function modOf(operands: readonly string[], words: readonly string[]): "memory" | "register" | "any" {
  if (words.includes("reg")) return "register";
  if (operands.some((code) => /^[CD][a-z]/.test(code))) return "any";
  if (operands.some((code) => /^M/.test(code))) return "memory";
  if (operands.some((code) => /^([RUN][a-z]+|KU|TU)$/.test(code))) return "register";
  return "any";
}

/** Parses one line; throws with the line in the message when a word means nothing. */
export function parseLine(line: string): TableForm {
  const fail = (what: string): never => {
    throw new Error(`instruction table: ${what} in line "${line.trim()}"`);
  };
  const columns = line.split("|").map((column) => column.trim());
  if (columns.length !== 5) fail(`${columns.length} columns`);
  const [encoding = "", instruction = "", implied = "", flags = "", attributes = ""] = columns;
  const [mnemonic = "", ...operandWords] = instruction.split(/\s+/);
  const access: string[] = [];
  const operands: string[] = [];
  for (const word of operandWords) {
    const [how, code] = word.split(":");
    if (how === undefined || code === undefined || !/^(r|w|rw|cr|cw|rcw|a|n)$/.test(how)) fail(`operand "${word}"`);
    else {
      access.push(how);
      operands.push(code);
    }
  }
  const words = encoding.split(/\s+/);
  const vector = vectorPrefix(words[0] ?? "");
  let prefixes: readonly boolean[] = vector?.prefixes ?? ANY_PREFIX;
  let at = vector === undefined ? 0 : 1;
  const prefix = words[0] ?? "";
  const specific = prefix in PREFIX_SETS && words.length > 1 && /^[0-9A-F]{2}(\+r)?$/.test(words[1] ?? "");
  if (specific) {
    prefixes = PREFIX_SETS[prefix] ?? ANY_PREFIX;
    at++;
  }
  let mapName = "";
  if (vector === undefined && words[at] === "0F") {
    at++;
    const next = /^[0-9A-F]{2}$/.test(words[at + 1] ?? "") ? ESCAPES[words[at] ?? ""] : undefined;
    mapName = next ?? "0F";
    if (next !== undefined) at++;
  }
  const opcodeWord = words[at++] ?? "";
  const opcode = /^[0-9A-F]{2}(\+r)?$/.test(opcodeWord)
    ? Number.parseInt(opcodeWord, 16)
    : fail(`opcode "${opcodeWord}"`);
  const rest = words.slice(at);
  let hasModrm = false;
  let digit = -1;
  let modrm = -1;
  let operandSizes: readonly boolean[] = [true, true, true];
  let modes: TableForm["modes"] = "all";
  let sizeRule: TableForm["sizeRule"] = "normal";
  for (const word of rest) {
    if (/^\/[0-7]$/.test(word)) {
      hasModrm = true;
      digit = Number(word[1]);
    } else if (word === "/r") hasModrm = true;
    else if (/^\([0-9A-F]{2}(\+i)?\)$/.test(word)) {
      hasModrm = true;
      modrm = Number.parseInt(word.slice(1, 3), 16);
    } else if (word.startsWith("os")) {
      const sizes = word.slice(2).split("/");
      operandSizes = ["16", "32", "64"].map((size) => sizes.includes(size));
    } else if (word === "i64") modes = "legacy";
    else if (word === "o64") modes = "64";
    else if (word === "d64" || word === "f64") sizeRule = word;
    else if (word !== "reg" && word !== "rexb0" && word !== "wig32" && word !== "as32") fail(`word "${word}"`);
  }
  try {
    parseImplied([implied]);
    parseFlags(flags);
    classOf(attributes);
  } catch (error) {
    fail((error as Error).message);
  }
  const attributeWords = attributes.split(/\s+/).filter((word) => word !== "");
  return {
    encoding: words.join(" "),
    mnemonic,
    operands,
    access,
    implied,
    flags,
    attributes: attributeWords,
    space: vector?.space ?? (mapName === "3DNow" ? "3DNow" : "legacy"),
    map: vector?.map ?? MAP_INDEX[`legacy ${mapName}`] ?? fail(`map "${mapName}"`),
    opcode,
    registerInOpcode: opcodeWord.endsWith("+r"),
    prefixes,
    prefixIsSpecific: specific,
    consumes66: specific && prefix === "66",
    hasModrm,
    mod: modOf(operands, rest),
    digit,
    modrm,
    modrmRange: rest.some((word) => word.endsWith("+i)")),
    operandSizes,
    lengths: vector?.lengths ?? [true, true, true, true],
    w: vector?.w ?? BOTH,
    ignoresW32: rest.includes("wig32"),
    modes,
    sizeRule,
    rexB0: rest.includes("rexb0"),
    lock: attributeWords.includes("lock"),
  };
}

/** All forms of a file's text, in order. */
export function parseTable(text: string): TableForm[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map(parseLine);
}

/** Whether a form's bytes begin with a VEX, EVEX or XOP prefix. */
export const isVectorEncoded = (form: TableForm): boolean => ENCODING[form.space] >= ENCODING.VEX;
