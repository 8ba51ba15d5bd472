import { UnreadableModuleError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";

/** A function type as text: "(param i32 i32) (result i64)", empty for none of either. */
export type TypeText = string;

/** A function of a module, imported or defined. */
export interface ModuleFunction {
  /** What calls name: imports come first. */
  readonly index: number;
  readonly type: TypeText;
  /** Of the name section, or else of the exports, or MODULE.FIELD of an import. */
  readonly name: string | undefined;
  /** Names under which it is exported. */
  readonly exports: readonly string[];
  /** Where its body is, locals and code, in the module's bytes; undefined for an import. */
  readonly body: { readonly start: number; readonly end: number } | undefined;
}

/** What of a module its functions' text needs. */
export interface ModuleOutline {
  readonly types: readonly TypeText[];
  readonly functions: readonly ModuleFunction[];
}

const SECTION = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCTION_NAMES = 1;
const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

const VALUE_TYPE_NAME: Readonly<Record<number, string>> = {
  127: "i32",
  126: "i64",
  125: "f32",
  124: "f64",
  123: "v128",
  112: "funcref",
  111: "externref",
};

export function readValueType(reader: ByteReader): string {
  const at = reader.offset;
  const code = reader.byte();
  const name = VALUE_TYPE_NAME[code];
  if (name === undefined) throw new UnreadableModuleError(`0x${code.toString(16)} at ${at} is no known value type`);
  return name;
}

function readFunctionType(reader: ByteReader): TypeText {
  const at = reader.offset;
  if (reader.byte() !== 0x60) throw new UnreadableModuleError(`at ${at} there is no function type`);
  const list = (keyword: string): string[] => {
    const types = reader.list(() => readValueType(reader));
    return types.length === 0 ? [] : [`(${keyword} ${types.join(" ")})`];
  };
  return [...list("param"), ...list("result")].join(" ");
}

/** Skips what an import of a table, memory or global says of it. */
function skipDescription(reader: ByteReader, kind: number): void {
  if (kind === EXTERNAL.global) {
    reader.bytes(2);
    return;
  }
  if (kind === EXTERNAL.table) reader.byte();
  const flags = reader.byte();
  reader.unsigned();
  if ((flags & 1) !== 0) reader.unsigned();
}

/** What is read section by section. */
class OutlineReader {
  readonly types: TypeText[] = [];
  readonly #imports: { readonly type: number; readonly name: string }[] = [];
  readonly #defined: number[] = [];
  readonly #exports: { readonly name: string; readonly index: number }[] = [];
  readonly #bodies: { readonly start: number; readonly end: number }[] = [];
  readonly #names = new Map<number, string>();

  read(id: number, reader: ByteReader): void {
    switch (id) {
      case SECTION.type:
        this.types.push(...reader.list(() => readFunctionType(reader)));
        return;
      case SECTION.import:
        reader.list(() => this.#readImport(reader));
        return;
      case SECTION.function:
        this.#defined.push(...reader.list(() => reader.unsigned()));
        return;
      case SECTION.export:
        reader.list(() => this.#readExport(reader));
        return;
      case SECTION.code:
        reader.list(() => {
          const size = reader.unsigned();
          const start = reader.offset;
          reader.bytes(size);
          this.#bodies.push({ start, end: start + size });
        });
        return;
      case SECTION.custom:
        if (reader.name() === "name") this.#readNames(reader);
    }
  }

  #readImport(reader: ByteReader): void {
    const name = `${reader.name()}.${reader.name()}`;
    const kind = reader.byte();
    if (kind === EXTERNAL.function) this.#imports.push({ name, type: reader.unsigned() });
    else skipDescription(reader, kind);
  }

  #readExport(reader: ByteReader): void {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.unsigned();
    if (kind === EXTERNAL.function) this.#exports.push({ name, index });
  }

  #readNames(reader: ByteReader): void {
    while (!reader.isAtEnd) {
      const id = reader.byte();
      const part = reader.part(reader.unsigned());
      if (id !== FUNCTION_NAMES) continue;
      part.list(() => this.#names.set(part.unsigned(), part.name()));
    }
  }

  outline(): ModuleOutline {
    const imported = this.#imports.map(({ type, name }) => ({ type, name, body: undefined }));
    const defined = this.#defined.map((type, i) => ({ type, name: undefined, body: this.#bodies[i] }));
    const functions = [...imported, ...defined].map(({ type, name, body }, index): ModuleFunction => {
      const exports = this.#exports.filter((entry) => entry.index === index).map((entry) => entry.name);
      return {
        index,
        type: this.types[type] ?? "",
        name: this.#names.get(index) ?? name ?? exports[0],
        exports,
        body,
      };
    });
    return { types: this.types, functions };
  }
}

/** Reads which functions a module has. Sections that say nothing of them are skipped. */
export function readModule(bytes: Uint8Array): ModuleOutline {
  if (!MAGIC_AND_VERSION.every((byte, i) => bytes[i] === byte)) {
    throw new UnreadableModuleError("the bytes do not begin as a WebAssembly module of version 1 does");
  }
  const reader = new ByteReader(bytes, MAGIC_AND_VERSION.length);
  const outline = new OutlineReader();
  while (!reader.isAtEnd) {
    const id = reader.byte();
    outline.read(id, reader.part(reader.unsigned()));
  }
  return outline.outline();
}
