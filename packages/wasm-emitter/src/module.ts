import { ByteWriter } from "./bytes.ts";
import { WasmEmitterError } from "./errors.ts";
import { VALUE_TYPE_CODE, type ValueType } from "./expression.ts";
import { FunctionBuilder, type FunctionReference, type FunctionType } from "./function.ts";

export interface MemoryLimits {
  /** In 64 KiB pages. */
  readonly minimum: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}

interface Import {
  readonly module: string;
  readonly field: string;
  readonly write: (out: ByteWriter) => void;
}

/** Builds one WebAssembly module in the binary format. Imports come before definitions. */
export class ModuleBuilder {
  readonly #types: FunctionType[] = [];
  readonly #imports: Import[] = [];
  readonly #functions: FunctionBuilder[] = [];
  readonly #exports: { readonly name: string; readonly kind: number; readonly index: number }[] = [];
  #importedFunctions = 0;
  #definedTable: number | undefined;
  #elements: { readonly functions: readonly FunctionReference[]; readonly first: number } = { functions: [], first: 0 };

  /** The index of a function type, added when it is new. */
  typeIndex(type: FunctionType): number {
    const same = (a: readonly ValueType[], b: readonly ValueType[]): boolean =>
      a.length === b.length && a.every((t, i) => t === b[i]);
    const found = this.#types.findIndex((t) => same(t.params, type.params) && same(t.results, type.results));
    if (found >= 0) return found;
    this.#types.push(type);
    return this.#types.length - 1;
  }

  importMemory(module: string, field: string, limits: MemoryLimits): void {
    this.#imports.push({
      module,
      field,
      write: (out) => {
        out.byte(0x02);
        out.byte((limits.maximum === undefined ? 0 : 1) | (limits.shared === true ? 2 : 0));
        out.unsigned(limits.minimum);
        if (limits.maximum !== undefined) out.unsigned(limits.maximum);
      },
    });
  }

  importFunction(module: string, field: string, type: FunctionType): FunctionReference {
    if (this.#functions.length > 0) {
      throw new WasmEmitterError(
        `import of ${module}.${field} after a function was defined; import first: imports are numbered first`,
      );
    }
    const typeIndex = this.typeIndex(type);
    this.#imports.push({
      module,
      field,
      write: (out) => {
        out.byte(0x00);
        out.unsigned(typeIndex);
      },
    });
    return { index: this.#importedFunctions++, type };
  }

  function(name: string, params: readonly ValueType[], results: readonly ValueType[]): FunctionBuilder {
    const type = { params, results };
    this.typeIndex(type);
    const builder = new FunctionBuilder(this.#importedFunctions + this.#functions.length, type, name);
    this.#functions.push(builder);
    return builder;
  }

  exportFunction(name: string, reference: FunctionReference): void {
    this.#exports.push({ name, kind: 0, index: reference.index });
  }

  /** Defines table 0 with this many function references, null at first, and exports it. */
  exportTable(name: string, elements: number): void {
    this.#definedTable = elements;
    this.#exports.push({ name, kind: 1, index: 0 });
  }

  /** Imports table 0, which must have at least this many elements. */
  importTable(module: string, field: string, elements: number): void {
    this.#imports.push({
      module,
      field,
      write: (out) => {
        out.bytes([0x01, VALUE_TYPE_CODE.funcref, 0x00]);
        out.unsigned(elements);
      },
    });
  }

  /** Puts functions into table 0 from position `first` on when the module is instantiated. */
  elements(functions: readonly FunctionReference[], first: number = 0): void {
    this.#elements = { functions, first };
  }

  /** The module's bytes, with a name section so that profilers and traces show function names. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    section(out, 1, this.#types, (to, type) => {
      to.byte(0x60);
      for (const list of [type.params, type.results]) {
        to.unsigned(list.length);
        for (const t of list) to.byte(VALUE_TYPE_CODE[t]);
      }
    });
    section(out, 2, this.#imports, (to, entry) => {
      to.name(entry.module);
      to.name(entry.field);
      entry.write(to);
    });
    section(out, 3, this.#functions, (to, f) => to.unsigned(this.typeIndex(f.type)));
    section(out, 4, this.#definedTable === undefined ? [] : [this.#definedTable], (to, elements) => {
      to.bytes([VALUE_TYPE_CODE.funcref, 0x00]);
      to.unsigned(elements);
    });
    section(out, 7, this.#exports, (to, e) => {
      to.name(e.name);
      to.byte(e.kind);
      to.unsigned(e.index);
    });
    section(out, 9, this.#elements.functions.length === 0 ? [] : [this.#elements], (to, { functions, first }) => {
      to.bytes([0x00, 0x41]);
      to.signed32(first);
      to.byte(0x0b);
      to.unsigned(functions.length);
      for (const f of functions) to.unsigned(f.index);
    });
    section(out, 10, this.#functions, (to, f) => {
      const body = f.finish();
      to.unsigned(body.length);
      to.bytes(body);
    });
    this.#nameSection(out);
    return out.toBytes();
  }

  #nameSection(out: ByteWriter): void {
    const names = new ByteWriter();
    names.unsigned(this.#functions.length);
    for (const f of this.#functions) {
      names.unsigned(f.index);
      names.name(f.name);
    }
    const content = new ByteWriter();
    content.name("name");
    content.byte(1);
    content.unsigned(names.length);
    content.bytes(names.toBytes());
    out.byte(0);
    out.unsigned(content.length);
    out.bytes(content.toBytes());
  }
}

function section<T>(
  out: ByteWriter,
  id: number,
  entries: readonly T[],
  write: (to: ByteWriter, entry: T) => void,
): void {
  if (entries.length === 0) return;
  const content = new ByteWriter();
  content.unsigned(entries.length);
  for (const entry of entries) write(content, entry);
  out.byte(id);
  out.unsigned(content.length);
  out.bytes(content.toBytes());
}
