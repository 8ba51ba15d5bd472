import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACCEPTED_INFO_DIFFERENCES, InfoComparison } from "../scripts/iced/compare-info.ts";
import { iced } from "../scripts/iced/iced.ts";
import { formBytes, Numbers, PATTERNS, samples } from "../scripts/streams.ts";
import { parseFlags } from "../scripts/table/flags.ts";
import { parseLine } from "../scripts/table/form.ts";
import { classOf } from "../scripts/table/form-class.ts";
import { parseImplied } from "../scripts/table/implied.ts";
import { createInstructionRows, DecoderError, decodeBatch, FORMS, REGISTER_NAMES } from "../src/index.ts";
import {
  CLASS,
  createInstructionInfo,
  type InstructionDescription,
  instructionInfo,
  readInfo,
} from "../src/info/index.ts";

type Bits = 16 | 32 | 64;

/** An expectation, written as `shown` writes it; what is absent is expected to be absent. */
interface Vector {
  readonly bits: Bits;
  readonly bytes: string;
  readonly mnemonic: string;
  readonly registers?: string;
  readonly memory?: string;
  readonly flags?: string;
  readonly effect?: string;
  readonly features: string;
}

const vectors = JSON.parse(readFileSync(new URL("../vectors/info.json", import.meta.url), "utf8")) as Vector[];
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const modes = fc.constantFrom<Bits>(16, 32, 64);

function memoryText({
  access,
  segment,
  base,
  index,
  scale,
  displacement,
  bytes,
}: InstructionDescription["memory"][number]) {
  const parts = [
    base,
    index === undefined ? undefined : `${index}*${scale}`,
    displacement === 0n ? undefined : displacement,
  ];
  return `${access}:${segment}:[${parts.filter((part) => part !== undefined).join("+")}]:${bytes}`;
}

/** A description in the words of the instruction table, as the vectors have it. */
function shown(info: InstructionDescription): Omit<Vector, "bits" | "bytes"> {
  const { read, written, cleared, set, undefined: undefinedFlags } = info.flags;
  const flags = Object.entries({ r: read, w: written, 0: cleared, 1: set, u: undefinedFlags })
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${kind}=${names.join(",")}`);
  const effects = [
    info.flow === "next" ? "" : info.flow,
    info.target === undefined ? "" : `to 0x${info.target.toString(16)}`,
    info.stackIncrement === 0 ? "" : `sp ${info.stackIncrement}`,
    info.x87Increment === 0 ? "" : `top ${info.x87Increment}`,
    info.privileged ? "privileged" : "",
    info.exits === "no" ? "" : `${info.exits} exits`,
    info.mayFault ? "faults" : "",
    info.endsBlock ? "ends" : "",
    info.savesState ? "state" : "",
  ];
  const text = {
    registers: info.registers.map(({ access, name }) => `${access}:${name}`).join(" "),
    memory: info.memory.map(memoryText).join(" "),
    flags: flags.join(" "),
    effect: effects.filter((effect) => effect !== "").join(", "),
  };
  return {
    mnemonic: info.mnemonic,
    ...Object.fromEntries(Object.entries(text).filter(([, value]) => value !== "")),
    features: info.features.join(" "),
  };
}

describe("instructionInfo", () => {
  it.each(vectors)("$bits bits: $bytes is $mnemonic", ({ bits, bytes, ...expected }) => {
    const info = instructionInfo(bytesOf(bytes), { bits, address: 0x1000n });
    expect(info === undefined ? undefined : shown(info)).toEqual(expected);
    expect(info?.length).toBe(bytes.length / 2);
  });

  it("starts at an offset and knows the address there", () => {
    const code = bytesOf("90ebfe");
    expect(instructionInfo(code, { offset: 1, address: 0x40_0000n })?.target).toBe(0x40_0000n);
    expect(instructionInfo(code, { offset: 1 })?.target).toBe(0n);
  });

  it("is undefined for bytes that are no instruction or not all of one", () => {
    expect(instructionInfo(bytesOf("0f04"))).toBeUndefined();
    expect(instructionInfo(bytesOf("48b8"))).toBeUndefined();
    expect(instructionInfo(new Uint8Array())).toBeUndefined();
  });

  it("says what was asked when the options are wrong", () => {
    expect(() => instructionInfo(bytesOf("90"), { bits: 8 as Bits })).toThrow(DecoderError);
    expect(() => instructionInfo(bytesOf("90"), { offset: 2 })).toThrow(/offset 2 .* from 0 to 1/);
  });
});

/** Compares samples with iced-x86 and returns what differs, and which forms were compared. */
function compare(
  comparison: InfoComparison,
  source: Iterable<{ readonly bytes: Uint8Array; readonly bits: Bits }>,
): { readonly differences: readonly string[]; readonly compared: number; readonly forms: ReadonlySet<number> } {
  const rows = createInstructionRows(1);
  const theirs = new iced.Instruction();
  const differences: string[] = [];
  const forms = new Set<number>();
  let compared = 0;
  for (const { bytes, bits } of source) {
    if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0 || rows.form[0] === 0) continue;
    const decoder = new iced.Decoder(bits, bytes, iced.DecoderOptions.None);
    decoder.decodeOut(theirs);
    decoder.free();
    forms.add(rows.form[0]!);
    compared++;
    const what = comparison.difference(rows, 0, theirs);
    if (what !== undefined) differences.push(`${bits} ${Buffer.from(bytes).toString("hex")}: ${what}`);
  }
  theirs.free();
  return { differences, compared, forms };
}

/** Encodings of every form whose mnemonic is one of these, `count` in each mode. */
function* encodings(mnemonics: ReadonlySet<string>, count: number): Generator<{ bytes: Uint8Array; bits: Bits }> {
  const numbers = new Numbers(5);
  for (const pattern of PATTERNS.filter(({ form }) => mnemonics.has(form.mnemonic))) {
    for (const bits of [16, 32, 64] as const) {
      for (let n = 0; n < count; n++) yield { bytes: formBytes(pattern, bits, numbers), bits };
    }
  }
}

/** The instruction of `bytes` with every ModRM byte that names one register two times. */
function* withSameRegisters(bytes: readonly number[]): Generator<{ bytes: Uint8Array; bits: Bits }> {
  for (const bits of [16, 32, 64] as const) {
    for (let register = 0; register < 8; register++) {
      yield { bytes: Uint8Array.from([...bytes, 0xc0 | (register << 3) | register, 0, 0, 0, 0]), bits };
    }
  }
}

/** A loaded machine needs its time; how long a test takes decides nothing. */
const PATIENT = { timeout: 300_000 };

describe("agreement with iced-x86", PATIENT, () => {
  it("holds for registers, memory, flags, flow, stack and features of random encodings", () => {
    const result = compare(new InfoComparison(), samples(160_000, 20_261_126));
    expect(result.differences.slice(0, 5)).toEqual([]);
    expect(result.compared).toBeGreaterThan(100_000);
    expect(result.forms.size).toBeGreaterThan(2700);
  });

  it("holds for two times the same register, where some results do not depend on it", () => {
    const opcodes = [
      ...[
        [0x28],
        [0x29],
        [0x2a],
        [0x2b],
        [0x30],
        [0x31],
        [0x32],
        [0x33],
        [0x18],
        [0x19],
        [0x20],
        [0x21],
        [0x38],
        [0x39],
      ],
      ...Array.from({ length: 0x70 }, (_, i) => [0x66, 0x0f, 0x90 + i]),
      ...Array.from({ length: 0x70 }, (_, i) => [0x0f, 0x90 + i]),
      ...[
        [0x0f, 0x54],
        [0x0f, 0x55],
        [0x0f, 0x57],
        [0x66, 0x0f, 0x57],
        [0x0f, 0xb1],
        [0x0f, 0xc1],
      ],
    ];
    const result = compare(
      new InfoComparison(),
      opcodes.flatMap((bytes) => [...withSameRegisters(bytes)]),
    );
    expect(result.differences).toEqual([]);
    expect(result.compared).toBeGreaterThan(4000);
  });

  it("holds for every count of a shift or rotate", () => {
    const shifts = [0xc0, 0xc1].flatMap((opcode) =>
      Array.from({ length: 8 * 256 }, (_, i) => [opcode, 0xc3 | ((i >> 8) << 3), i & 255]),
    );
    const sources = shifts.flatMap((code) => [
      { bytes: Uint8Array.from(code), bits: 16 as const },
      { bytes: Uint8Array.from(code), bits: 32 as const },
      { bytes: Uint8Array.from([0x48, ...code]), bits: 64 as const },
    ]);
    expect(compare(new InfoComparison(), sources).differences).toEqual([]);
  });

  it.each(ACCEPTED_INFO_DIFFERENCES)("needs the exception for $mnemonics", (accepted) => {
    const others = ACCEPTED_INFO_DIFFERENCES.filter((one) => one !== accepted);
    for (const mnemonic of accepted.mnemonics) {
      const { differences } = compare(new InfoComparison(others), encodings(new Set([mnemonic]), 300));
      expect(differences, mnemonic).not.toEqual([]);
    }
  });

  it("notices when an instruction is another one", () => {
    const rows = createInstructionRows(1);
    const theirs = new iced.Instruction();
    const decoder = new iced.Decoder(64, bytesOf("4801d8"), iced.DecoderOptions.None);
    decoder.decodeOut(theirs);
    decoder.free();
    const comparison = new InfoComparison();
    const differenceOf = (hex: string): string | undefined => {
      decodeBatch(bytesOf(hex), 0, hex.length / 2, 64, rows);
      return comparison.difference(rows, 0, theirs);
    };
    expect(differenceOf("4801d8")).toBeUndefined();
    for (const hex of ["01d8", "4801d9", "4811d8", "4809d8", "480118", "488bd8", "50"]) {
      expect(differenceOf(hex), hex).toBeTypeOf("string");
    }
  });
});

describe("readInfo", PATIENT, () => {
  it("takes every row that the decoder makes, of any bytes", () => {
    const rows = createInstructionRows(64);
    const info = createInstructionInfo();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), modes, (code, bits) => {
        const count = decodeBatch(code, 0, code.length, bits, rows);
        for (let i = 0; i < count; i++) {
          readInfo(rows, i, info);
          expect(info.registerCount).toBeLessThanOrEqual(info.register.length);
          expect(info.memoryCount).toBeLessThanOrEqual(info.bytes.length);
          for (let n = 0; n < info.registerCount; n++) {
            expect(REGISTER_NAMES[info.register[n]!]).not.toBe("");
            expect(info.registerAccess[n]).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: 5000 },
    );
  });

  it("takes any row of any form, even one that no bytes give", () => {
    const rows = createInstructionRows(1);
    const info = createInstructionInfo();
    const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    fc.assert(
      fc.property(fc.nat(FORMS.length - 1), fc.tuple(int32, int32, int32, int32, int32), (form, words) => {
        [rows.flags[0], rows.registers[0], rows.displacement[0], rows.immediate[0], rows.immediate2[0]] = words;
        rows.form[0] = form;
        readInfo(rows, 0, info);
        expect(info.registerCount).toBeLessThanOrEqual(info.register.length);
        expect(info.memoryCount).toBeLessThanOrEqual(info.bytes.length);
      }),
      { numRuns: 20_000 },
    );
  });

  it("says nothing of bytes that are no instruction, whatever was in the record before", () => {
    const rows = createInstructionRows(2);
    const info = createInstructionInfo();
    const code = bytesOf("e8000000000f04");
    decodeBatch(code, 0, code.length, 64, rows);
    expect(readInfo(rows, 0, info)).toMatchObject({ memoryCount: 1, stackIncrement: -8, hasTarget: true, target: 5 });
    expect(rows.form[1]).toBe(0);
    expect(readInfo(rows, 1, info)).toMatchObject({
      ...{ registerCount: 0, memoryCount: 0, flagsRead: 0, flagsWritten: 0, flagsCleared: 0, flagsSet: 0 },
      ...{ flagsUndefined: 0, flow: 0, hasTarget: false, target: 0, stackIncrement: 0, x87Increment: 0, class: 0 },
    });
  });

  it("has room for the instructions that use most", () => {
    const info = createInstructionInfo();
    const rows = createInstructionRows(1);
    decodeBatch(bytesOf("c81000ff"), 0, 4, 64, rows);
    expect(readInfo(rows, 0, info).memoryCount).toBe(62);
    decodeBatch(bytesOf("c5f877"), 0, 3, 64, rows);
    expect(readInfo(rows, 0, info).registerCount).toBe(32);
  });
});

describe("classes of the instruction table", () => {
  const withClass = (bit: number): Set<string> => {
    const names = new Set<string>();
    for (const form of FORMS.slice(1)) {
      if ((classOf(form.attributes.join(" ")) & bit) !== 0) names.add(form.mnemonic);
    }
    return names;
  };

  it("ends a block at every form after which control may go elsewhere", () => {
    const ends = withClass(CLASS.endsBlock);
    expect(FORMS.filter((form) => form.flow !== "next" && !ends.has(form.mnemonic))).toEqual([]);
    for (const name of ["cpuid", "hlt", "invlpg", "lgdt", "sti", "swapgs", "wrmsr", "xsetbv"]) {
      expect(ends, name).toContain(name);
    }
    for (const name of ["add", "div", "in", "rdtsc", "vaddps"]) expect(ends, name).not.toContain(name);
  });

  it("lets every privileged form fault", () => {
    const faults = withClass(CLASS.mayFault);
    expect([...withClass(CLASS.privileged)].filter((name) => !faults.has(name))).toEqual([]);
  });

  it("exits always where the manual says so, and by what leaves SMM and TDX", () => {
    const always = ["cpuid", "getsec", "invd", "xsetbv", "invept", "invvpid", "vmcall", "vmclear", "vmlaunch"];
    const also = ["vmptrld", "vmptrst", "vmresume", "vmxoff", "vmxon", "rsm", "tdcall", "seamcall"];
    expect([...withClass(CLASS.exits)].sort()).toEqual([...always, ...also].sort());
  });
});

describe("the columns of the instruction table", () => {
  it("names the line in which a word means nothing", () => {
    expect(() => parseLine("F4 | hlt | w:FOO | | cpl0")).toThrow('implied use "w:FOO" in line "F4 | hlt');
    expect(() => parseLine("F4 | hlt | | w=k | cpl0")).toThrow('"w=k" in line');
    expect(() => parseLine("F4 | hlt | | | cpl3")).toThrow('attribute "cpl3" in line');
  });

  it.each(["w:FOO", "q:EAX", "r:[aBX+AL]", "push:t", "w:EAX@8", "r:[5x]:b", "sme"])("has no implied use %s", (word) => {
    expect(() => parseImplied([word])).toThrow(`"${word}"`);
  });

  it.each(["x=c", "w=k", "2:w=o", "w"])("has no use of flags %s", (word) => {
    expect(() => parseFlags(word)).toThrow("flag");
  });

  it.each(["flow=sideways", "st=up", "cpl3"])("has no attribute %s", (word) => {
    expect(() => classOf(word)).toThrow(word.split("=").at(-1));
  });
});
