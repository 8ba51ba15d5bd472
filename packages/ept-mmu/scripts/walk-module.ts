import {
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  i32,
  i64,
  type Local,
  load,
  ModuleBuilder,
  select,
} from "@likex/wasm-emitter";
import { ACCESS, PAGE_FAULT, PTE } from "../src/access-rights.ts";
import { BLOCK, DECLINED, EMITTED_MODE, EMITTED_RIGHTS, KEPT } from "../src/emitted-block.ts";
import { TRANSLATION } from "../src/guest-mmu.ts";

const OFFSET = 0xfff;
const PERMISSIONS = 7;
const ADDRESS_HIGH = 0xfffff;
/** Bits of a large page's entry that are reserved; in 32-bit paging also bits 39:32 of its address. */
const RESERVED_2M = 0x1fe000;
const RESERVED_4M = 0x3fe000;
const MASK_4K = 0xfff;
const MASK_2M = 0x1fffff;
const MASK_4M = 0x3fffff;

const c = i32.const;
const has = (value: I32, bits: number): I32 => i32.and(value, c(bits));

/** physical(block, address, access): the host's page with what the EPT grants in bits 2:0; 0 where it is not kept. */
function writePhysical(module: ModuleBuilder): FunctionBuilder {
  const code = module.function("mmu.physical", ["i32", "i32", "i32"], ["i32"]);
  const [block, address, access] = [0, 1, 2].map((i) => code.get(code.param(i, "i32"))) as [I32, I32, I32];
  const direct = code.local("i32");
  const at = code.local("i32");
  const kept = code.local("i32");
  code.set(direct, load.i32(block, BLOCK.directBytes));
  code.if(code.get(direct), () => {
    const page = i32.or(has(address, ~OFFSET), c(PERMISSIONS));
    code.return(select(i32.ltU(address, code.get(direct)), page, c(0)));
  });
  const index = has(i32.shrU(address, c(12)), KEPT.entries - 1);
  code.set(at, i32.add(block, i32.mul(index, c(KEPT.bytes))));
  code.set(kept, load.i32(code.get(at), BLOCK.kept));
  const isOther = has(i32.xor(code.get(kept), address), ~OFFSET);
  const isRefused = i32.and(access, i32.xor(code.get(kept), c(-1)));
  code.if(i32.or(isOther, isRefused), () => code.return(c(0)));
  code.return(i32.or(load.i32(code.get(at), BLOCK.kept + 4), has(code.get(kept), PERMISSIONS)));
  code.unreachable();
  return code;
}

interface Walk {
  readonly code: FunctionBuilder;
  readonly block: I32;
  readonly low: I32;
  readonly high: I32;
  readonly access: I32;
  readonly physical: FunctionReference;
  readonly noteWrite: FunctionReference;
  /** Host address of the entry, with what the EPT grants of its page beside it; its halves. */
  readonly at: Local<"i32">;
  readonly grants: Local<"i32">;
  readonly entry: Local<"i32">;
  readonly entryHigh: Local<"i32">;
  /** PTE.user and PTE.write of all entries together. */
  readonly entries: Local<"i32">;
  /** Offset bits of the page. */
  readonly mask: Local<"i32">;
}

const decline = (code: FunctionBuilder, condition: I32): void => code.if(condition, () => code.return(c(DECLINED)));

function fault({ code, block, access }: Walk, condition: I32, base: number): void {
  code.if(condition, () => {
    const isUser = i32.eq(has(access, ACCESS.user | ACCESS.implicit), c(ACCESS.user));
    const user = i32.mul(isUser, c(PAGE_FAULT.user));
    code.store("i32", block, i32.or(i32.or(c(base), has(access, ACCESS.write)), user), BLOCK.errorCode);
    code.return(c(TRANSLATION.pageFault));
  });
}

/** Reads the entry at `offset` of a table. */
function read(walk: Walk, table: I32, offset: I32, bytes: 4 | 8): void {
  const { code, block, physical, at, grants, entry, entryHigh, entries } = walk;
  code.set(grants, code.call("i32", physical, block, table, load.i32(block, BLOCK.entryAccess)));
  decline(code, i32.eqz(code.get(grants)));
  code.set(at, i32.add(has(code.get(grants), ~OFFSET), offset));
  code.set(entry, load.i32(code.get(at)));
  if (bytes === 8) code.set(entryHigh, load.i32(code.get(at), 4));
  fault(walk, i32.eqz(has(code.get(entry), PTE.present)), 0);
  code.set(entries, i32.and(code.get(entries), code.get(entry)));
}

/** Sets flags of the entry that it lacks. */
function mark({ code, noteWrite, at, grants, entry }: Walk, flags: I32): void {
  code.if(i32.ne(i32.and(code.get(entry), flags), flags), () => {
    decline(code, i32.eqz(has(code.get(grants), ACCESS.write)));
    code.store("i32", code.get(at), i32.or(code.get(entry), flags));
    code.perform(noteWrite, code.get(at));
  });
}

/** 4-level paging: `entry` is the one that maps the page, of 4 KiB or 2 MiB. */
function writeLevels(walk: Walk): void {
  const { code, block, low, high, entry, entryHigh, mask } = walk;
  const table = code.local("i32");
  const linear = code.local("i64");
  code.set(linear, i64.or(i64.shl(i64.extendU(high), i64.const(32)), i64.extendU(low)));
  code.set(table, load.i32(block, BLOCK.root));
  for (let level = 4; level > 0; level--) {
    const index = has(i32.wrap(i64.shrU(code.get(linear), i64.const(3 + 9 * level))), 511);
    read(walk, code.get(table), i32.shl(index, c(3)), 8);
    decline(code, i32.and(code.get(entryHigh), load.i32(block, BLOCK.reservedHigh)));
    const isLarge = has(code.get(entry), PTE.large);
    if (level > 2) decline(code, isLarge);
    if (level === 2) {
      code.set(mask, c(MASK_2M));
      code.if(isLarge, () => decline(code, has(code.get(entry), RESERVED_2M)));
    }
    const descend = (): void => {
      mark(walk, c(PTE.accessed));
      decline(code, has(code.get(entryHigh), ADDRESS_HIGH));
      code.set(table, has(code.get(entry), ~OFFSET));
    };
    if (level > 2) descend();
    if (level === 2) code.if(i32.eqz(isLarge), () => writeLast(walk, table, linear, descend));
    if (level === 2) break;
  }
}

/** The table of 4 KiB pages. */
function writeLast(walk: Walk, table: Local<"i32">, linear: Local<"i64">, descend: () => void): void {
  const { code, block, entryHigh, mask } = walk;
  descend();
  const index = has(i32.wrap(i64.shrU(code.get(linear), i64.const(12))), 511);
  read(walk, code.get(table), i32.shl(index, c(3)), 8);
  decline(code, i32.and(code.get(entryHigh), load.i32(block, BLOCK.reservedHigh)));
  code.set(mask, c(MASK_4K));
}

/** 32-bit paging: the same for pages of 4 KiB and 4 MiB. */
function writeNarrow(walk: Walk): void {
  const { code, block, low, entry, mask } = walk;
  code.set(mask, c(MASK_4M));
  read(walk, load.i32(block, BLOCK.root), i32.shl(i32.shrU(low, c(22)), c(2)), 4);
  const allowsLarge = i32.mul(has(load.i32(block, BLOCK.rights), EMITTED_RIGHTS.pages4M), c(PTE.large / 4));
  const isLarge = i32.and(code.get(entry), allowsLarge);
  code.if(
    isLarge,
    () => decline(code, has(code.get(entry), RESERVED_4M)),
    () => {
      mark(walk, c(PTE.accessed));
      read(walk, has(code.get(entry), ~OFFSET), i32.shl(has(i32.shrU(low, c(12)), 1023), c(2)), 4);
      code.set(mask, c(MASK_4K));
    },
  );
}

/** ACCESS.read and write that the page grants (SDM Vol 3A, 4.6). */
function granted({ code, block, access, entries }: Walk): Local<"i32"> {
  const result = code.local("i32");
  const rights = load.i32(block, BLOCK.rights);
  const writable = has(code.get(entries), PTE.write);
  const isUserPage = has(code.get(entries), PTE.user);
  code.if(
    i32.eq(has(access, ACCESS.user | ACCESS.implicit), c(ACCESS.user)),
    () => code.set(result, select(isUserPage, i32.or(writable, c(ACCESS.read)), c(0))),
    () => {
      const bit = select(has(rights, EMITTED_RIGHTS.writeProtects), writable, c(ACCESS.write));
      code.set(result, i32.or(bit, c(ACCESS.read)));
      const isAllowed = i32.eq(has(access, ACCESS.implicit | ACCESS.userAllowed), c(ACCESS.userAllowed));
      const isKept = i32.and(i32.ne(isUserPage, c(0)), i32.ne(has(rights, EMITTED_RIGHTS.smap), c(0)));
      code.if(i32.and(isKept, i32.eqz(isAllowed)), () => code.set(result, c(0)));
    },
  );
  return result;
}

/** The entry that maps the page is found: rights, its flags, and where the page is. */
function writeFinish(walk: Walk): void {
  const { code, block, low, access, physical, entry, entryHigh, grants, mask } = walk;
  const rights = granted(walk);
  const kinds = code.local("i32");
  const dirty = code.local("i32");
  code.set(kinds, has(access, ACCESS.read | ACCESS.write));
  fault(walk, i32.and(code.get(kinds), i32.xor(code.get(rights), c(-1))), PAGE_FAULT.present);
  const written = i32.mul(has(access, ACCESS.write), c(PTE.dirty / ACCESS.write));
  code.set(dirty, i32.or(written, has(code.get(entry), PTE.dirty)));
  mark(walk, i32.or(code.get(dirty), c(PTE.accessed)));
  decline(code, has(code.get(entryHigh), ADDRESS_HIGH));
  const outside = i32.xor(code.get(mask), c(-1));
  const page = i32.or(i32.and(code.get(entry), outside), has(i32.and(low, code.get(mask)), ~OFFSET));
  code.set(grants, code.call("i32", physical, block, page, code.get(kinds)));
  decline(code, i32.eqz(code.get(grants)));
  // A page that is not dirty yet grants no write, which would have to mark it.
  const kept = select(code.get(dirty), code.get(rights), has(code.get(rights), ~ACCESS.write));
  code.store("i32", block, has(code.get(grants), ~OFFSET), BLOCK.hostPage);
  code.store("i32", block, i32.and(has(code.get(grants), PERMISSIONS), kept), BLOCK.permissions);
  code.store("i32", block, i32.add(code.get(mask), c(1)), BLOCK.pageSize);
  code.return(c(TRANSLATION.ok));
}

/**
 * translate(block, linear low, linear high, access): what `GuestMmu.translate` does, for reads and writes in 4-level and 32-bit
 * paging whose guest-physical translations are kept. Whatever is not so, or would stop, it declines: the walk is then done
 * anew, with what it has marked marked already.
 */
export function emitWalk(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const noteWrite = module.importFunction("host", "noteWrite", { params: ["i32"], results: [] });
  const physical = writePhysical(module);
  const code = module.function("mmu.translate", ["i32", "i32", "i32", "i32"], ["i32"]);
  const [block, low, high, access] = [0, 1, 2, 3].map((i) => code.get(code.param(i, "i32"))) as [I32, I32, I32, I32];
  const local = (): Local<"i32"> => code.local("i32");
  const walk: Walk = {
    ...{ code, block, low, high, access, physical, noteWrite },
    ...{ at: local(), grants: local(), entry: local(), entryHigh: local(), entries: local(), mask: local() },
  };
  decline(code, has(access, ACCESS.execute));
  code.set(walk.entries, c(PTE.user | PTE.write));
  code.block((found) => {
    const isMode = (mode: number): I32 => i32.eq(load.i32(block, BLOCK.mode), c(mode));
    code.if(isMode(EMITTED_MODE.bits32), () => {
      writeNarrow(walk);
      code.br(found);
    });
    decline(code, i32.eqz(isMode(EMITTED_MODE.level4)));
    const top = i32.shrS(high, c(15));
    decline(code, i32.and(i32.ne(top, c(0)), i32.ne(top, c(-1))));
    writeLevels(walk);
  });
  writeFinish(walk);
  code.unreachable();
  module.exportFunction("translate", code);
  return module.finish();
}
