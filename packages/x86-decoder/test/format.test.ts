import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TEXT_SYNTAXES, TextComparison } from "../scripts/iced/compare-text.ts";
import { samples } from "../scripts/streams.ts";
import type { FormatterOptions, InstructionFormatter } from "../src/format/formatter.ts";
import { createIntelFormatter } from "../src/format/intel.ts";
import { createMasmFormatter } from "../src/format/masm.ts";
import { createNasmFormatter } from "../src/format/nasm.ts";
import { createInstructionRows, decodeBatch, FORMS, type InstructionRows } from "../src/index.ts";
import { compareTexts, formSamples } from "./format-live.ts";

const SYNTAXES = { intel: createIntelFormatter, masm: createMasmFormatter, nasm: createNasmFormatter } as const;
type Syntax = keyof typeof SYNTAXES;
const NAMES = Object.keys(SYNTAXES) as readonly Syntax[];

interface Vector extends Record<Syntax, string> {
  readonly bits: 16 | 32 | 64;
  readonly bytes: string;
  /** Hexadecimal address. */
  readonly base?: string;
}

const vectors = JSON.parse(readFileSync(new URL("../vectors/format.json", import.meta.url), "utf8")) as Vector[];

function decode(hex: string, bits: 16 | 32 | 64): InstructionRows {
  const rows = createInstructionRows(1);
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  expect(decodeBatch(bytes, 0, bytes.length, bits, rows)).toBe(1);
  return rows;
}

const joined = (formatter: InstructionFormatter, rows: InstructionRows, base: bigint): string =>
  formatter
    .tokens(rows, 0, base)
    .map(({ text }) => text)
    .join("");

describe.each(NAMES)("the %s formatter", (syntax) => {
  const create = SYNTAXES[syntax];

  it.each(vectors)(`writes $bytes in $bits-bit code as $${syntax}`, (vector) => {
    const { bits, bytes, base = "0" } = vector;
    expect(create().format(decode(bytes, bits), 0, BigInt(`0x${base}`))).toBe(vector[syntax]);
  });

  it("gives tokens that joined are the text", { timeout: 60_000 }, () => {
    const options: FormatterOptions[] = [
      {},
      { letters: "upper" },
      { symbols: (address) => ({ name: "place", address: address - 3n }) },
    ];
    const wrong: string[] = [];
    for (const option of options) {
      const formatter = create(option);
      const rows = createInstructionRows(1);
      for (const { bytes, bits } of samples(5000, 37)) {
        if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0) continue;
        const text = formatter.format(rows, 0, 0x40_1000n);
        if (joined(formatter, rows, 0x40_1000n) !== text) wrong.push(text);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("takes any row without a throw, also what no decoder writes", { timeout: 60_000 }, () => {
    const formatter = create();
    const rows = createInstructionRows(1);
    const word = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    const form = fc.nat(FORMS.length - 1);
    fc.assert(
      fc.property(form, word, word, word, word, word, fc.bigInt(), (f, flags, registers, a, b, c, base) => {
        rows.form[0] = f;
        rows.flags[0] = flags;
        rows.registers[0] = registers;
        rows.displacement[0] = a;
        rows.immediate[0] = b;
        rows.immediate2[0] = c;
        rows.length[0] = 15;
        expect(typeof formatter.format(rows, 0, base)).toBe("string");
        expect(joined(formatter, rows, base)).toBe(formatter.format(rows, 0, base));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("beside iced-x86", () => {
  const comparisons = (
    options?: FormatterOptions,
    prepare?: ConstructorParameters<typeof TextComparison>[2],
  ): readonly TextComparison[] => TEXT_SYNTAXES.map((syntax) => new TextComparison(syntax, options, prepare));

  it("every form has the same text, in each mode", { timeout: 120_000 }, () => {
    const { differences, forms } = compareTexts(comparisons(), formSamples(4, 17));
    expect(differences).toEqual([]);
    expect(forms.size).toBe(FORMS.length - 1);
  });

  it("100 000 samples have the same text", { timeout: 120_000 }, () => {
    const { compared, differences, accepted } = compareTexts(comparisons(), samples(160_000, 91));
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(100_000);
    expect(accepted).toBeLessThan(60);
  });

  it("the text in upper case is the same", { timeout: 60_000 }, () => {
    const upper = comparisons({ letters: "upper" }, (theirs) => {
      theirs.uppercaseAll = true;
    });
    expect(compareTexts(upper, samples(12_000, 23)).differences).toEqual([]);
  });

  it("numbers of other kinds are the same", { timeout: 60_000 }, () => {
    const prefixed = comparisons({ numbers: { prefix: "0x", suffix: "", digits: "lower" } }, (theirs) => {
      theirs.hexPrefix = "0x";
      theirs.hexSuffix = "";
      theirs.uppercaseHex = false;
    });
    expect(compareTexts(prefixed, samples(12_000, 29)).differences).toEqual([]);
    const decimal = comparisons({ numbers: { base: 10 } }, (theirs) => {
      theirs.numberBase = 10;
    });
    expect(compareTexts(decimal, samples(12_000, 31)).differences).toEqual([]);
  });
});

describe("symbols", () => {
  const symbols: FormatterOptions["symbols"] = (address, use) =>
    address >= 0x40_2000n && address < 0x40_3000n ? { name: `${use}_symbol`, address: 0x40_2000n } : undefined;

  const cases: readonly (Record<Syntax, string> & { readonly hex: string })[] = [
    { hex: "e8fb0f0000", intel: "call branch_symbol", masm: "call branch_symbol", nasm: "call branch_symbol" },
    {
      hex: "0f8500100000",
      intel: "jne branch_symbol+6",
      masm: "jne near ptr branch_symbol+6",
      nasm: "jne near branch_symbol+6",
    },
    {
      hex: "8b050a100000",
      intel: "mov eax,[memory_symbol+10h]",
      masm: "mov eax,[memory_symbol+10h]",
      nasm: "mov eax,[rel memory_symbol+10h]",
    },
    {
      hex: "488b04c520204000",
      intel: "mov rax,[rax*8+memory_symbol+20h]",
      masm: "mov rax,[rax*8+memory_symbol+20h]",
      nasm: "mov rax,[rax*8+memory_symbol+20h]",
    },
    {
      hex: "bf00204000",
      intel: "mov edi,immediate_symbol",
      masm: "mov edi,offset immediate_symbol",
      nasm: "mov edi,immediate_symbol",
    },
    { hex: "8b4310", intel: "mov eax,[rbx+10h]", masm: "mov eax,[rbx+10h]", nasm: "mov eax,[rbx+10h]" },
  ];

  it.each(cases)("stand in the place of addresses in $hex", ({ hex, ...texts }) => {
    for (const syntax of NAMES) {
      expect(SYNTAXES[syntax]({ symbols }).format(decode(hex, 64), 0, 0x40_1000n)).toBe(texts[syntax]);
    }
  });

  it("may lie behind the address", () => {
    const formatter = createIntelFormatter({ symbols: (address) => ({ name: "end", address: address + 0x20n }) });
    expect(formatter.format(decode("ebfe", 64), 0, 0n)).toBe("jmp short end-20h");
  });

  it("may be found by formatting another instruction, or not at all", () => {
    let finds = true;
    const inner = decode("c3", 64);
    const formatter: InstructionFormatter = createIntelFormatter({
      symbols: (address) => {
        if (!finds) throw new Error("no symbols today");
        return { name: `the ${formatter.format(inner, 0, 0n)}`, address };
      },
    });
    const rows = decode("66c705f00f000034ee", 64);
    const text = "mov word ptr [the ret],the ret";
    expect(formatter.format(rows, 0, 0n)).toBe(text);
    finds = false;
    expect(() => formatter.format(rows, 0, 0n)).toThrow("no symbols today");
    finds = true;
    expect(formatter.format(rows, 0, 0n)).toBe(text);
    expect(joined(formatter, rows, 0n)).toBe(text);
  });

  it("are not changed by the choice of letters", () => {
    const formatter = createNasmFormatter({ letters: "upper", symbols: () => ({ name: "Main", address: 0n }) });
    expect(formatter.format(decode("ebfe", 64), 0, 0n)).toBe("JMP SHORT Main");
  });
});

describe("tokens", () => {
  it("say what each piece of text is", () => {
    const rows = decode("f0486483042500010000ff", 64);
    expect(createIntelFormatter().tokens(rows, 0, 0n)).toEqual([
      { kind: "prefix", text: "lock" },
      { kind: "punctuation", text: " " },
      { kind: "mnemonic", text: "add" },
      { kind: "punctuation", text: " " },
      { kind: "keyword", text: "dword ptr" },
      { kind: "punctuation", text: " " },
      { kind: "register", text: "fs" },
      { kind: "punctuation", text: ":" },
      { kind: "punctuation", text: "[" },
      { kind: "number", text: "100h" },
      { kind: "punctuation", text: "]" },
      { kind: "punctuation", text: "," },
      { kind: "number", text: "0FFFFFFFFh" },
    ]);
  });
});
