/** One line of the instruction table, parsed. */
export interface TableForm {
  readonly encoding: string;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  readonly access: readonly string[];
  readonly flags: string;
  readonly attributes: readonly string[];
  /** 0: one-byte, 1: 0F, 2: 0F 38, 3: 0F 3A. */
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
  /** Which of 16, 32, 64 the form matches. */
  readonly operandSizes: readonly boolean[];
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

const ESCAPES: Readonly<Record<string, number>> = { "0F": 1, "38": 2, "3A": 3 };

function modOf(operands: readonly string[], words: readonly string[]): "memory" | "register" | "any" {
  if (words.includes("reg")) return "register";
  if (operands.some((code) => /^[CD][a-z]/.test(code))) return "any";
  if (operands.some((code) => /^M/.test(code))) return "memory";
  if (operands.some((code) => /^R[a-z]/.test(code))) return "register";
  return "any";
}

/** Parses one line; throws with the line in the message when a word means nothing. */
export function parseLine(line: string): TableForm {
  const fail = (what: string): never => {
    throw new Error(`instruction table: ${what} in line "${line.trim()}"`);
  };
  const [encoding = "", instruction = "", flags = "", attributes = ""] = line.split("|").map((column) => column.trim());
  const [mnemonic = "", ...operandWords] = instruction.split(/\s+/);
  const access: string[] = [];
  const operands: string[] = [];
  for (const word of operandWords) {
    const [how, code] = word.split(":");
    if (how === undefined || code === undefined || !/^(r|w|rw|cr|cw|n)$/.test(how)) fail(`operand "${word}"`);
    else {
      access.push(how);
      operands.push(code);
    }
  }
  const words = encoding.split(/\s+/);
  let prefixes: readonly boolean[] = ANY_PREFIX;
  let at = 0;
  const prefix = words[0] ?? "";
  const specific = prefix in PREFIX_SETS && words.length > 1 && /^[0-9A-F]{2}(\+r)?$/.test(words[1] ?? "");
  if (specific) {
    prefixes = PREFIX_SETS[prefix] ?? ANY_PREFIX;
    at++;
  }
  let map = 0;
  if (words[at] === "0F") {
    map = 1;
    at++;
    const next = ESCAPES[words[at] ?? ""];
    if (next !== undefined && next > 1) {
      map = next;
      at++;
    }
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
    else if (/^\([0-9A-F]{2}\)$/.test(word)) {
      hasModrm = true;
      modrm = Number.parseInt(word.slice(1), 16);
    } else if (word.startsWith("os")) {
      const sizes = word.slice(2).split("/");
      operandSizes = ["16", "32", "64"].map((size) => sizes.includes(size));
    } else if (word === "i64") modes = "legacy";
    else if (word === "o64") modes = "64";
    else if (word === "d64" || word === "f64") sizeRule = word;
    else if (word !== "reg" && word !== "rexb0") fail(`word "${word}"`);
  }
  const attributeWords = attributes.split(/\s+/).filter((word) => word !== "");
  return {
    encoding,
    mnemonic,
    operands,
    access,
    flags,
    attributes: attributeWords,
    map,
    opcode,
    registerInOpcode: opcodeWord.endsWith("+r"),
    prefixes,
    prefixIsSpecific: specific,
    consumes66: specific && prefix === "66",
    hasModrm,
    mod: modOf(operands, rest),
    digit,
    modrm,
    operandSizes,
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
