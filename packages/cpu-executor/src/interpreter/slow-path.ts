import {
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  type I64,
  i32,
  i64,
  type Label,
  load,
  type ModuleBuilder,
} from "@likex/wasm-emitter";
import { CONTEXT, TABLE_NOTES, TLB } from "../context.ts";
import { LARGE_PAGE_SHIFTS } from "../large-pages.ts";
import { ACCESS, EMITTED_RESULT, MMU_RESULT } from "../mmu.ts";
import { largePageMark } from "../semantics/large-page-mark.ts";
import { SLOW_PATH_TYPE, type SlowPath } from "../semantics/memory-access.ts";
import { STATUS } from "../status.ts";

/** Parameters and result of EmittedMmu.translate. */
const TRANSLATE_TYPE = { params: ["i32", "i32", "i32", "i32"], results: ["i32"] } as const;
const PAGE = 4096;
/** What `refill` returns for "ask the processor's slow path". */
const DECLINED = -1;
const ENTRY_SHIFT = Math.log2(TLB.entryBytes);
/** Sizes that the widths of general registers have. */
const WIDTHS = [1, 2, 4, 8] as const;

const c = i32.const;

/** Tells the position of the Mmu's translation in the table of handlers. */
export interface SlowPathOptions {
  readonly translate: number;
}

/** Where in its table one of TABLE_NOTES is. */
const noteAt = (note: number): number => note * TLB.entryBytes + TLB.spare;

const linearOf = (low: I32, high: I32): I64 => i64.or(i64.shl(i64.extendU(high), i64.const(32)), i64.extendU(low));

/** Whether the mark of a large page is there already (LargePages.note); of 2 and 4 MiB alone. */
function hasMark(context: I32, linear: I64, pageSize: I32): I32 {
  const [first, second] = [0, 1].map((size) =>
    i32.and(largePageMark(context, linear, size), i32.eq(pageSize, c(2 ** (LARGE_PAGE_SHIFTS[size] as number)))),
  );
  return i32.or(first as I32, second as I32);
}

/**
 * refill(context, low, high, access): has the Mmu's emitted function translate, and makes the soft TLB's entry as SoftTlb does. 0 when
 * the access is served by the entry now, STATUS.pageFault, or DECLINED with nothing done that SoftTlb would not do again.
 */
function writeRefill(module: ModuleBuilder, watched: FunctionReference, options: SlowPathOptions): FunctionBuilder {
  const code = module.function("memory.refill", ["i32", "i32", "i32", "i32"], ["i32"]);
  const [context, low, high, access] = [0, 1, 2, 3].map((i) => code.get(code.param(i, "i32"))) as [I32, I32, I32, I32];
  const local = (): ReturnType<typeof code.local<"i32">> => code.local("i32");
  const [block, bits, result, host, writable] = [local(), local(), local(), local(), local()];
  const decline = (condition: I32): void => code.if(condition, () => code.return(c(DECLINED)));
  code.set(block, load.i32(context, CONTEXT.mmuBlock));
  decline(i32.eqz(code.get(block)));
  code.set(bits, i32.or(access, load.i32(context, CONTEXT.accessBits)));
  const type = module.typeIndex(TRANSLATE_TYPE);
  code.set(result, code.callIndirect("i32", type, c(options.translate), code.get(block), low, high, code.get(bits)));
  code.if(i32.eq(code.get(result), c(MMU_RESULT.pageFault)), () => {
    code.store("i32", context, load.i32(code.get(block), EMITTED_RESULT.pageFaultErrorCode), CONTEXT.stopDetail);
    code.store("i32", context, low, CONTEXT.linear);
    code.store("i32", context, high, CONTEXT.linear + 4);
    code.store("i32", context, code.get(bits), CONTEXT.faultAccess);
    code.return(c(STATUS.pageFault));
  });
  decline(code.get(result));
  const pageSize = load.i32(code.get(block), EMITTED_RESULT.pageSize);
  code.if(i32.ne(pageSize, c(PAGE)), () => decline(i32.eqz(hasMark(context, linearOf(low, high), pageSize))));
  code.set(host, load.i32(code.get(block), EMITTED_RESULT.hostPage));
  decline(i32.eqz(code.get(host)));
  code.set(writable, i32.and(load.i32(code.get(block), EMITTED_RESULT.permissions), c(ACCESS.write)));
  // Frames with decoded code are left out of the write TLB.
  code.if(code.get(writable), () =>
    code.if(code.call("i32", watched, code.get(host), low), () => {
      decline(i32.eq(access, c(ACCESS.write)));
      code.set(writable, c(0));
    }),
  );
  writeEntry(code, { context, low, high }, code.get(host), code.get(writable), decline);
  code.return(c(0));
  code.unreachable();
  return code;
}

/** Fills the entry of a linear address, with the notes that TranslationTable takes; where that would grow it declines. */
function writeEntry(
  code: FunctionBuilder,
  { context, low, high }: { readonly context: I32; readonly low: I32; readonly high: I32 },
  host: I32,
  writable: I32,
  decline: (condition: I32) => void,
): void {
  const [table, offset, entry, count] = [code.local("i32"), code.local("i32"), code.local("i32"), code.local("i32")];
  const page = code.local("i64");
  const mask = load.i32(context, CONTEXT.tlbMask);
  code.set(table, load.i32(context, CONTEXT.tlb));
  code.set(offset, i32.and(i32.shrU(low, c(TLB.shift)), mask));
  code.set(entry, i32.add(code.get(table), code.get(offset)));
  code.if(i32.ne(load.u8(code.get(entry), TLB.read + 7), c(TLB.invalidByte)), () => {
    code.set(count, i32.add(load.i32(code.get(table), noteAt(TABLE_NOTES.displaced)), c(1)));
    decline(i32.gtU(i32.shl(code.get(count), c(1 + ENTRY_SHIFT)), mask));
    code.store("i32", code.get(table), code.get(count), noteAt(TABLE_NOTES.displaced));
  });
  code.set(count, load.i32(code.get(table), noteAt(TABLE_NOTES.written)));
  code.if(i32.ne(code.get(count), c(TABLE_NOTES.many)), () => {
    const isFull = i32.eq(code.get(count), c(TABLE_NOTES.listed));
    code.if(
      isFull,
      () => code.store("i32", code.get(table), c(TABLE_NOTES.many), noteAt(TABLE_NOTES.written)),
      () => {
        const place = i32.add(code.get(table), i32.shl(code.get(count), c(ENTRY_SHIFT)));
        code.store("i32", place, code.get(offset), noteAt(TABLE_NOTES.list));
        code.store("i32", code.get(table), i32.add(code.get(count), c(1)), noteAt(TABLE_NOTES.written));
      },
    );
  });
  code.set(page, linearOf(i32.and(low, c(~(PAGE - 1))), high));
  code.store("i64", code.get(entry), code.get(page), TLB.read);
  // As SoftTlb's: a tag that is looked for in another entry.
  const other = i64.and(i64.xor(code.get(page), i64.const(-1)), i64.const(-PAGE));
  code.store("i64", code.get(entry), other, TLB.write);
  code.if(writable, () => code.store("i64", code.get(entry), code.get(page), TLB.write));
  code.store("i32", code.get(entry), host, TLB.host);
}

interface Access {
  readonly code: FunctionBuilder;
  readonly context: I32;
  readonly bytes: I32;
  /** Host address of the access, once it is served. */
  readonly host: I32;
}

/** One of the slow path's functions: fills the soft TLB and then accesses, or asks the processor's own, `imported`. */
function writeSlow(
  module: ModuleBuilder,
  name: string,
  kind: number,
  refill: FunctionReference,
  imported: FunctionReference,
  serve: (access: Access) => void,
): FunctionBuilder {
  const code = module.function(`memory.${name}`, SLOW_PATH_TYPE.params, SLOW_PATH_TYPE.results);
  const [context, bytes, low, high] = [0, 1, 2, 3].map((i) => code.get(code.param(i, "i32"))) as [I32, I32, I32, I32];
  const result = code.local("i32");
  const host = code.local("i32");
  const inPage = i32.and(low, c(PAGE - 1));
  code.if(i32.leU(i32.add(inPage, bytes), c(PAGE)), () => {
    code.set(result, code.call("i32", refill, context, low, high, c(kind)));
    code.if(i32.eqz(code.get(result)), () => {
      const offset = i32.and(i32.shrU(low, c(TLB.shift)), load.i32(context, CONTEXT.tlbMask));
      const entry = i32.add(load.i32(context, CONTEXT.tlb), offset);
      code.set(host, i32.add(load.i32(entry, TLB.host), inPage));
      serve({ code, context, bytes, host: code.get(host) });
    });
    code.if(i32.eq(code.get(result), c(STATUS.pageFault)), () => code.return(code.get(result)));
  });
  code.return(code.call("i32", imported, context, bytes, low, high));
  code.unreachable();
  return code;
}

/** Writes a case for each width. */
const byWidth = ({ code, bytes }: Access, write: (width: 1 | 2 | 4 | 8, end: Label) => void): void => {
  for (const width of WIDTHS) code.if(i32.eq(bytes, c(width)), (end) => write(width, end));
};

function serveRead(access: Access): void {
  const { code, context, host } = access;
  const values = {
    1: () => i64.extendU(load.u8(host)),
    2: () => i64.extendU(load.u16(host)),
    4: () => i64.extendU(load.i32(host)),
    8: () => load.i64(host),
  };
  byWidth(access, (width) => {
    code.store("i64", context, values[width](), CONTEXT.memoryValue);
    code.return(c(0));
  });
}

function serveWrite(access: Access): void {
  const { code, context, host } = access;
  const stores = { 1: "i64to8", 2: "i64to16", 4: "i64to32", 8: "i64" } as const;
  byWidth(access, (width) => {
    code.store(stores[width], host, load.i64(context, CONTEXT.memoryValue));
    code.return(c(0));
  });
}

function serveProbe({ code, context, host }: Access): void {
  code.store("i32", context, host, CONTEXT.probedHost);
  code.return(c(0));
}

/** Imports that come before every function. */
export interface SlowImportReferences extends SlowPath {
  /** (host address, low half of a linear one): whether the frame holds decoded code; else it is noted that it may be written there. */
  readonly watched: FunctionReference;
}

/** The slow path as the interpreter has it, before the processor's: it fills the soft TLB by itself where the Mmu can be asked there. */
export function defineSlowPath(
  module: ModuleBuilder,
  imported: SlowImportReferences,
  options: SlowPathOptions,
): SlowPath {
  const refill = writeRefill(module, imported.watched, options);
  return {
    read: writeSlow(module, "read", ACCESS.read, refill, imported.read, serveRead),
    write: writeSlow(module, "write", ACCESS.write, refill, imported.write, serveWrite),
    probe: writeSlow(module, "probe", ACCESS.write, refill, imported.probe, serveProbe),
    segment: imported.segment,
  };
}
