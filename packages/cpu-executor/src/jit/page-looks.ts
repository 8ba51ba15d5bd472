import { type FunctionBuilder, type I32, type I64, i32, i64, type Local, load } from "@likex/wasm-emitter";
import { JUMP_CACHE } from "../context.ts";
import { jumpCacheEntry } from "../jump-cache.ts";
import { BLOCK } from "../record.ts";
import type { RegionPage } from "./region.ts";

/** Bits of a local that says which pages have been looked at. */
const IN_LOCAL = 32;

/**
 * Which pages of a region the guest has, since the region was entered, where they were when it was compiled: a bit for each in
 * locals. The block known at a place of a page tells: the jump cache has what may be executed there now.
 */
export class PageLooks {
  readonly #code: FunctionBuilder;
  readonly #context: Local<"i32">;
  readonly #pages: readonly RegionPage[];
  readonly #seen: readonly Local<"i32">[];
  readonly #entry: Local<"i32">;
  readonly #block: Local<"i32">;

  constructor(code: FunctionBuilder, context: Local<"i32">, pages: readonly RegionPage[]) {
    this.#code = code;
    this.#context = context;
    this.#pages = pages;
    this.#seen = Array.from({ length: Math.ceil(pages.length / IN_LOCAL) }, () => code.local("i32"));
    this.#entry = code.local("i32");
    this.#block = code.local("i32");
  }

  areSamePage(a: number, b: number): boolean {
    return this.#pageOf(a) === this.#pageOf(b);
  }

  /** The page that the region is entered in is right: `which` chooses among the entries, whose positions are given. */
  begin(entries: readonly number[], which: Local<"i32">): void {
    const pages = entries.map((position) => this.#pageOf(position));
    const [first] = pages;
    const code = this.#code;
    this.#begin(first as number);
    pages.forEach((page, i) => {
      if (page !== first) code.if(i32.eq(code.get(which), i32.const(i)), () => this.#begin(page));
    });
  }

  #begin(page: number): void {
    for (const [i, local] of this.#seen.entries())
      this.#code.set(local, i32.const(i === Math.floor(page / IN_LOCAL) ? bitOf(page) : 0));
  }

  isUnseen(position: number): I32 {
    const page = this.#pageOf(position);
    return i32.eqz(i32.and(this.#code.get(this.#seenOf(page)), i32.const(bitOf(page))));
  }

  #seenOf(page: number): Local<"i32"> {
    return this.#seen[Math.floor(page / IN_LOCAL)] as Local<"i32">;
  }

  /** Looks at a position's page, once: `leaveIf` is given conditions under which the guest has something else there. */
  look(position: number, rip: I64, leaveIf: (condition: I32) => void): void {
    const code = this.#code;
    const page = this.#pageOf(position);
    const { host, version, offset } = this.#pages[page] as RegionPage;
    code.if(this.isUnseen(position), () => {
      code.set(this.#entry, jumpCacheEntry(code.get(this.#context), rip));
      leaveIf(i64.ne(load.i64(code.get(this.#entry), JUMP_CACHE.rip), rip));
      code.set(this.#block, load.i32(code.get(this.#entry), JUMP_CACHE.block));
      leaveIf(i32.ne(load.i32(code.get(this.#block), BLOCK.host), i32.const(host + position - offset)));
      leaveIf(i32.ne(load.i32(code.get(this.#block), BLOCK.version), i32.const(version)));
      const seen = this.#seenOf(page);
      code.set(seen, i32.or(code.get(seen), i32.const(bitOf(page))));
    });
  }

  #pageOf(position: number): number {
    return this.#pages.findIndex(({ offset }) => offset === (position & ~0xfff));
  }
}

const bitOf = (page: number): number => 1 << (page % IN_LOCAL);
