import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACCEPTED_ATT_DIFFERENCES, AttComparison } from "../scripts/iced/compare-att.ts";
import { IcedDecoder, iced } from "../scripts/iced/iced.ts";
import { executableSections } from "../scripts/iced/sources.ts";
import { type Bits, formBytes, Numbers, PATTERNS, samples } from "../scripts/streams.ts";
import { createAttFormatter, type FormatterOptions } from "../src/format/att.ts";
import { createInstructionRows, DecoderError, decodeBatch, FORMS, type InstructionRows } from "../src/index.ts";

interface Vector {
  readonly bits: Bits;
  readonly bytes: string;
  readonly text: string;
}

const vectors = JSON.parse(readFileSync(new URL("../vectors/att.json", import.meta.url), "utf8")) as Vector[];

/** Address of the first byte. */
const BASE = 0x1000n;

function rowsOf(hex: string, bits: Bits): InstructionRows {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  const rows = createInstructionRows(4);
  decodeBatch(bytes, 0, bytes.length, bits, rows);
  return rows;
}

const textOf = (hex: string, bits: Bits = 64, options?: FormatterOptions, base = BASE): string =>
  createAttFormatter(options).format(rowsOf(hex, bits), 0, base);

const hasProgram = (...command: string[]): boolean =>
  spawnSync(command[0] ?? "", [...command.slice(1), "--version"]).status === 0;
const hasGnuAs = hasProgram("as", "--64") && hasProgram("objcopy");

/** The machine code that GNU as makes of one instruction a line. */
function assemble(lines: readonly string[], bits: Bits): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "likex-att-"));
  try {
    const [source, object, code] = ["att.s", "att.o", "att.bin"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, [`.code${bits}`, ...lines, ""].join("\n"));
    const as = spawnSync("as", ["--64", "-o", object, source], { encoding: "utf8" });
    expect(as.stderr).toBe("");
    expect(spawnSync("objcopy", ["-O", "binary", "-j", ".text", object, code]).status).toBe(0);
    return Uint8Array.from(readFileSync(code));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What GNU as writes in a shorter way: it leaves out prefixes without an effect. */
const SHORTENED_BY_AS: Readonly<Record<string, string>> = {
  "stos %al,%es:(%edi)": "stos %al,(%edi)",
  "xchg %rax,%rax": "nop",
  "mov %ax,%ds": "mov %eax,%ds",
};

describe("createAttFormatter", () => {
  it.each(vectors)("$bits bits: $bytes is $text", ({ bits, bytes, text }) => {
    const rows = rowsOf(bytes, bits);
    if (text !== "(bad)") expect(rows.length[0]).toBe(bytes.length / 2);
    expect(createAttFormatter().format(rows, 0, BASE)).toBe(text);
  });

  it("writes the text of iced-x86 for every form in the three modes, and for random bytes", () => {
    const comparison = new AttComparison();
    const decoder = new IcedDecoder();
    const rows = createInstructionRows(1);
    const compared = new Uint32Array(FORMS.length);
    const base = 0x7654n;
    const unexplained: unknown[] = [];
    const compare = (bytes: Uint8Array, bits: Bits): void => {
      if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0 || rows.form[0] === 0) return;
      if (!decoder.decode(bytes, bits, base)) return;
      compared[rows.form[0]!]!++;
      const difference = comparison.compare(rows, 0, decoder.instruction, base);
      if (difference?.accepted === -1)
        unexplained.push({ bits, bytes: Buffer.from(bytes).toString("hex"), difference });
    };
    for (const { bytes, bits } of samples(60_000, 20_261)) compare(bytes, bits);
    const numbers = new Numbers(3);
    for (const pattern of PATTERNS) {
      // Some forms need registers that differ, which takes a few attempts.
      const before = compared[pattern.form.id]!;
      for (let tries = 0; tries < 600 && compared[pattern.form.id]! < before + 24; tries++) {
        for (const bits of [16, 32, 64] as const) compare(formBytes(pattern, bits, numbers), bits);
      }
    }
    expect(unexplained).toEqual([]);
    expect(compared.reduce((sum, n) => sum + n)).toBeGreaterThan(100_000);
    expect(FORMS.filter((form) => form.id > 0 && compared[form.id] === 0).map((form) => form.mnemonic)).toEqual([]);
  }, 120_000);

  const realCode = executableSections(process.execPath)
    .find(({ length }) => length > 120_000)
    ?.subarray(0, 120_000);

  it.skipIf(realCode === undefined)(
    "writes the text of iced-x86 for real code",
    () => {
      const code = realCode ?? new Uint8Array();
      const rows = createInstructionRows(30_000);
      const count = decodeBatch(code, 0, code.length, 64, rows);
      const base = 0x7fff_ffff_0000n;
      const comparison = new AttComparison();
      const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
      const instruction = new iced.Instruction();
      const unexplained: unknown[] = [];
      for (let i = 0; i < count; i++) {
        if (rows.form[i] === 0) continue;
        decoder.position = rows.offset[i]!;
        decoder.ip = base + BigInt(rows.offset[i]!);
        decoder.decodeOut(instruction);
        if (instruction.code === iced.Code.INVALID) continue;
        const difference = comparison.compare(rows, i, instruction, base);
        if (difference?.accepted === -1) unexplained.push(difference);
      }
      expect(unexplained).toEqual([]);
      expect(count).toBeGreaterThan(10_000);
    },
    60_000,
  );

  it.skipIf(!hasGnuAs).each([16, 32, 64] as const)(
    "writes what GNU as reads: the vectors of %i-bit mode, assembled, have the same text",
    (bits) => {
      // Direct branches to numbers are left out: as makes relocations of them.
      const texts = vectors
        .filter((vector) => vector.bits === bits && vector.text !== "(bad)")
        .filter(({ bytes }) => !/^J/.test(FORMS[rowsOf(bytes, bits).form[0]!]!.operands[0] ?? ""))
        .map(({ text }) => text);
      const code = assemble(texts, bits);
      const rows = createInstructionRows(texts.length + 1);
      const count = decodeBatch(code, 0, code.length, bits, rows);
      const formatter = createAttFormatter();
      const again = Array.from({ length: count }, (_, i) => formatter.format(rows, i, 0n));
      expect(again).toEqual(texts.map((text) => SHORTENED_BY_AS[text] ?? text));
      expect(count).toBeGreaterThan(5);
    },
  );

  it.each(ACCEPTED_ATT_DIFFERENCES.map((difference, n) => ({ ...difference, n })))(
    "differs from iced-x86 as accepted: $manual",
    ({ example, n }) => {
      const bytes = new Uint8Array(24);
      bytes.set(Buffer.from(example, "hex"));
      const rows = createInstructionRows(1);
      decodeBatch(bytes, 0, bytes.length, 64, rows);
      const decoder = new IcedDecoder();
      expect(decoder.decode(bytes, 64, BASE)).toBe(true);
      expect(new AttComparison().compare(rows, 0, decoder.instruction, BASE)?.accepted).toBe(n);
    },
  );

  it("keeps plans of one form in different sizes apart", () => {
    const formatter = createAttFormatter();
    const rows = rowsOf("8b00488b00668b008bc0", 64);
    const texts = ["mov (%rax),%eax", "mov (%rax),%rax", "mov (%rax),%ax", "mov %eax,%eax"];
    for (const i of [0, 1, 2, 3, 2, 1, 0]) expect(formatter.format(rows, i, BASE)).toBe(texts[i]);
  });

  it("counts addresses from the base of each call, modulo the address size", () => {
    expect(textOf("e8fbffffff", 64, {}, 0xffff_ffff_ffff_fff8n)).toBe("call 0xFFFFFFFFFFFFFFF8");
    expect(textOf("e800000000", 64, {}, 0xffff_ffffn)).toBe("call 0x0000000100000004");
    expect(textOf("ebfe", 16, {}, 0xfff0n)).toBe("jmp 0xFFF0");
    expect(textOf("eb10", 16, {}, 0xfff0n)).toBe("jmp 2");
    expect(textOf("8b05f8ffffff", 64, {}, 0n)).toBe("mov 0xFFFFFFFFFFFFFFFE,%eax");
    expect(textOf("678b05f8ffffff", 64, {}, 0n)).toBe("mov 0xFFFFFFFF,%eax");
  });
});

describe("options of the AT&T formatter", () => {
  it("write decimal numbers, other prefixes, suffixes and digits", () => {
    expect(textOf("c745f0ff000000", 64, { numbers: { base: 10 } })).toBe("movl $255,-16(%rbp)");
    expect(textOf("e800000000", 64, { numbers: { base: 10 } })).toBe("call 4101");
    expect(textOf("48b8efcdab8967452301", 64, { numbers: { base: 10 } })).toBe("movabs $81985529216486895,%rax");
    expect(textOf("c745f0ff000000", 64, { numbers: { digits: "lower" } })).toBe("movl $0xff,-0x10(%rbp)");
    expect(textOf("c745f0ff000000", 64, { numbers: { prefix: "", suffix: "h" } })).toBe("movl $0FFh,-10h(%rbp)");
  });

  it("write letters in upper case, but numbers and symbols as they are", () => {
    const symbols = (address: bigint) => (address === 0x1005n ? { name: "here", address } : undefined);
    expect(textOf("f0480111", 64, { letters: "upper" })).toBe("LOCK ADD %RDX,(%RCX)");
    expect(textOf("62f17c59c2c1ff", 64, { letters: "upper", numbers: { digits: "lower" } })).toBe(
      "VCMPPS $0xff,{sae},%ZMM1,%ZMM0,%K0{%k1}",
    );
    expect(textOf("e800000000", 64, { letters: "upper", symbols })).toBe("CALL here");
  });

  it("leave decorators and hints in the letters that as knows", () => {
    expect(textOf("62f17cd95800", 64, { letters: "upper" })).toBe("VADDPS (%RAX){1to16},%ZMM0,%ZMM0{%k1}{z}");
    expect(textOf("2e7402", 64, { letters: "upper" })).toBe("JE,pn 0x0000000000001005");
  });

  it("show symbols of branches, absolute memory and wide immediates, with the distance", () => {
    const asked: string[] = [];
    const symbols = (address: bigint, use: string) => {
      asked.push(`${use} ${address.toString(16)}`);
      return { name: "data", address: 0x1010n };
    };
    const text = (hex: string, bits: Bits = 64): string => textOf(hex, bits, { symbols });
    expect(text("e80b000000")).toBe("call data");
    expect(text("eb16")).toBe("jmp data+8");
    expect(text("7402")).toBe("je data-0xC");
    expect(text("8b050a000000")).toBe("mov data(%rip),%eax");
    expect(text("8b04c520100000")).toBe("mov data+0x10(,%rax,8),%eax");
    expect(text("a010100000", 32)).toBe("mov data,%al");
    expect(text("b820100000")).toBe("mov $data+0x10,%eax");
    expect(text("9a101000000800", 32)).toBe("lcall $8,$data");
    expect(text("6a05", 16)).toBe("push $5");
    expect(text("8b45f0")).toBe("mov -0x10(%rbp),%eax");
    expect(asked).toEqual([
      "branch 1010",
      "branch 1018",
      "branch 1004",
      "memory 1010",
      "memory 1020",
      "memory 1010",
      "immediate 1020",
      "branch 1010",
    ]);
  });

  it("show the number where there is no symbol", () => {
    expect(textOf("8b050a000000", 64, { symbols: () => undefined })).toBe("mov 0x1010,%eax");
  });
});

describe("tokens of the AT&T formatter", () => {
  it("have kinds", () => {
    const formatter = createAttFormatter({ symbols: (address) => ({ name: "x(y) 1", address: address - 1n }) });
    const tokens = formatter.tokens(rowsOf("f0000510000000", 64), 0, BASE);
    expect(tokens.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      "prefix lock",
      "punctuation  ",
      "mnemonic add",
      "punctuation  ",
      "register %al",
      "punctuation ,",
      "symbol x(y) 1",
      "punctuation +",
      "number 1",
      "punctuation (",
      "register %rip",
      "punctuation )",
    ]);
  });

  it("are not disturbed by a symbol resolver that throws or formats", () => {
    const rows = rowsOf("e800000000", 64);
    let asked = 0;
    const formatter = createAttFormatter({
      symbols: (address) => {
        asked++;
        if (asked === 1) throw new Error("no symbols yet");
        return asked === 2 ? { name: formatter.format(rows, 0, BASE), address } : undefined;
      },
    });
    expect(() => formatter.tokens(rows, 0, BASE)).toThrow("no symbols yet");
    const tokens = formatter.tokens(rows, 0, BASE);
    expect(tokens.at(-1)).toEqual({ kind: "symbol", text: "call 0x0000000000001005" });
    expect(formatter.format(rows, 0, BASE)).toBe("call 0x0000000000001005");
  });

  it("of bytes that are no instruction are one", () => {
    expect(createAttFormatter().tokens(rowsOf("06", 64), 0, BASE)).toEqual([{ kind: "mnemonic", text: "(bad)" }]);
  });

  const optionSets: readonly FormatterOptions[] = [
    {},
    { letters: "upper", numbers: { base: 10 } },
    { numbers: { prefix: "%x{", suffix: "}h", digits: "lower" } },
    { symbols: (address) => (address % 3n === 0n ? { name: "a,%b+(\u0001 9", address: address & ~7n } : undefined) },
  ];

  it("joined, are the text", () => {
    const rows = createInstructionRows(1);
    for (const options of optionSets) {
      const formatter = createAttFormatter(options);
      for (const { bytes, bits } of samples(12_000, 7)) {
        if (decodeBatch(bytes, 0, bytes.length, bits, rows) === 0) continue;
        const tokens = formatter.tokens(rows, 0, 0x1234_5678_9abc_def0n);
        expect(tokens.map(({ text }) => text).join("")).toBe(formatter.format(rows, 0, 0x1234_5678_9abc_def0n));
        expect(tokens.every(({ text }) => text !== "")).toBe(true);
      }
    }
  }, 60_000);
});

describe("robustness of the AT&T formatter", () => {
  it("any row of any form has a text", () => {
    const formatter = createAttFormatter();
    const rows = createInstructionRows(1);
    const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    fc.assert(
      fc.property(
        fc.nat(FORMS.length - 1),
        fc.tuple(int32, int32, int32, int32, int32),
        fc.bigInt(),
        (form, words, base) => {
          [rows.flags[0], rows.registers[0], rows.displacement[0], rows.immediate[0], rows.immediate2[0]] = words;
          rows.form[0] = form;
          const text = formatter.format(rows, 0, base);
          expect(text).not.toBe("");
          expect(
            formatter
              .tokens(rows, 0, base)
              .map((token) => token.text)
              .join(""),
          ).toBe(text);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it("a row that does not exist is the caller's mistake", () => {
    expect(() => createAttFormatter().format(createInstructionRows(2), 2, 0n)).toThrow(DecoderError);
    expect(() => createAttFormatter().tokens(createInstructionRows(2), -1, 0n)).toThrow(/rows 0 to 1/);
  });
});
