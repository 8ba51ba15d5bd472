import { ACCESS } from "../../src/info/facts.ts";
import { EFFECTIVE_SEGMENT, MARK, RECORD, SIZE, USE, WHEN, WIDTH } from "../../src/info/layout.ts";
import { REGISTER_CLASS, REGISTER_NAMES } from "../../src/registers.ts";

const MARK_WORDS: Readonly<Record<string, number>> = {
  rep: MARK.repeats,
  same: MARK.same,
  merges: MARK.merges,
  selects: MARK.selects,
  "rw:mask": MARK.updatesMask,
  "low:b": MARK.lowByte,
  "low:b*2": MARK.lowByte | MARK.lowBoth,
  "low:w": MARK.lowWord,
  "low:v": MARK.lowOperand,
  extends: MARK.zeroExtends,
  "no-segment": MARK.noSegment,
  "after-pop": MARK.afterPop,
  stride: MARK.stride,
};

const ACCESS_WORDS: Readonly<Record<string, number>> = {
  n: ACCESS.none,
  r: ACCESS.read,
  w: ACCESS.write,
  rw: ACCESS.read | ACCESS.write,
  cr: ACCESS.conditionalRead,
  cw: ACCESS.conditionalWrite,
  rcw: ACCESS.read | ACCESS.conditionalWrite,
  crw: ACCESS.conditionalRead | ACCESS.conditionalWrite,
  a: ACCESS.address,
};

/** ACCESS of a word of the instruction table; undefined if it is none. */
export const accessOf = (word: string): number | undefined => ACCESS_WORDS[word];

const WHEN_WORDS: Readonly<Record<string, number>> = {
  "": WHEN.always,
  "64": WHEN.in64,
  "32": WHEN.outside64,
  os16: WHEN.operand16,
  "os32/64": WHEN.operand32Up,
};

const SIZE_WORDS: Readonly<Record<string, number>> = {
  "?": 0,
  b: 1,
  w: 2,
  d: 4,
  q: 8,
  dq: 16,
  qq: 32,
  oo: 64,
  v: SIZE.operand,
  y: SIZE.operand32Up,
};

const WIDTH_LETTERS: Readonly<Record<string, number>> = {
  r: WIDTH.operand,
  e: WIDTH.operandUpTo32,
  y: WIDTH.operandFrom32,
  a: WIDTH.address,
  s: WIDTH.stack,
  n: WIDTH.native,
};

const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS"];

const fail = (word: string): never => {
  throw new Error(`implied use "${word}"`);
};

const number = (value: number | undefined, word: string): number => value ?? fail(word);

/** Width, class (of fixed registers) and number of a register word. */
function register(name: string, word: string): readonly [number, number, number] {
  if (/^\d$/.test(name)) return [WIDTH.ofOperand, 0, Number(name) - 1];
  const width = WIDTH_LETTERS[name[0] ?? ""];
  const id = REGISTER_NAMES.indexOf((width === undefined ? name : name.slice(1)).toLowerCase());
  if (id < 0) return fail(word);
  return width === undefined ? [WIDTH.fixed, id >> 5, id & 31] : [width, REGISTER_CLASS.gpr16, id & 31];
}

const STACK_USES: Readonly<Record<string, number>> = { push: USE.push, pop: USE.pop, drop: USE.drop };

/** The record of one use. */
function parseUse(word: string): readonly number[] {
  const [body = "", when = ""] = word.split("@");
  const condition = number(WHEN_WORDS[when], word);
  if (body === "frames") return [USE.frames, 0, condition];
  if (body === "release") return [USE.release, 0, condition];
  const colon = body.indexOf(":");
  const how = body.slice(0, colon);
  const rest = body.slice(colon + 1);
  const stack = STACK_USES[how];
  if (stack !== undefined) {
    const [size = "", count = "1"] = rest.split("*");
    return [stack, 0, condition, number(SIZE_WORDS[size], word), Number(count)];
  }
  const access = number(accessOf(how), word);
  const memory = /^(?:([A-Z]{2}):)?\[([A-Za-z]+|\d)(?:\+([A-Z]{2}))?\]:([a-z?]+)$/.exec(rest);
  if (memory !== null) {
    const [, segment, base = "", index, size = ""] = memory;
    const [width, , baseNumber] = register(base, word);
    return [
      USE.memory,
      access,
      condition,
      segment === undefined ? EFFECTIVE_SEGMENT : SEGMENTS.indexOf(segment),
      width,
      baseNumber,
      index === undefined ? -1 : register(index, word)[2],
      number(SIZE_WORDS[size], word),
    ];
  }
  const [first = "", last] = rest.split("-");
  const [width, registerClass, from] = register(first, word);
  const count = last === undefined ? 1 : Number(last) - from + 1;
  return [USE.register, access, condition, width, registerClass, from, count];
}

interface ImpliedUses {
  /** Where the records of each text begin; one entry more than there are texts. */
  readonly starts: readonly number[];
  /** RECORD numbers each. */
  readonly records: readonly number[];
  /** MARK bits of each text. */
  readonly marks: readonly number[];
}

/** Works texts of the table's third column out; throws for one that means nothing, so that the generator stops. */
export function parseImplied(texts: readonly string[]): ImpliedUses {
  const records: number[] = [];
  const starts: number[] = [];
  const marks = texts.map((text) => {
    starts.push(records.length);
    let bits = 0;
    for (const word of text.split(" ").filter((part) => part !== "")) {
      const mark = MARK_WORDS[word];
      if (mark !== undefined) bits |= mark;
      else {
        const use = parseUse(word);
        records.push(...use, ...new Array<number>(RECORD - use.length).fill(0));
      }
    }
    return bits;
  });
  starts.push(records.length);
  return { starts, records, marks };
}
