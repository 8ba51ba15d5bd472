import type { FunctionBuilder, FunctionReference, I32, I64, Local, ModuleBuilder } from "@likex/wasm-emitter";
import { i32, i64, load } from "@likex/wasm-emitter";
import { CONTEXT, TLB } from "../context.ts";
import type { Probe, ScalarType, SemanticsBuilder } from "./builder.ts";
import type { Value, Width } from "./width.ts";

/** The slow memory path: functions of (context, bytes, linear low, linear high) that return a STATUS, or 0 when done. */
export interface SlowPath {
  /** Reads into CONTEXT.memoryValue. */
  readonly read: FunctionReference;
  /** Writes from CONTEXT.memoryValue. */
  readonly write: FunctionReference;
  /** Makes sure that a write will succeed; CONTEXT.probedHost is where, or 0 when the write must be slow too. */
  readonly probe: FunctionReference;
  /**
   * Checks an access that a segment's end does not cover: the second parameter is SEGMENT_CHECK bits, the linear address is
   * replaced by the offset. CONTEXT.linear is the linear address.
   */
  readonly segment: FunctionReference;
}

export const SLOW_PATH_TYPE = { params: ["i32", "i32", "i32", "i32"], results: ["i32"] } as const;

/** Imports the slow path's functions, which whoever instantiates the module gives as "slow". */
export function importSlowPath(module: ModuleBuilder): SlowPath {
  const slow = (name: keyof SlowPath): FunctionReference => module.importFunction("slow", name, SLOW_PATH_TYPE);
  return { read: slow("read"), write: slow("write"), probe: slow("probe"), segment: slow("segment") };
}

interface Entry {
  readonly linear: I64;
  readonly entry: I32;
  readonly delta: I64;
  readonly miss: I32;
}

/** Guest memory accesses of an instruction that is being written. */
export interface MemoryAccess {
  load(width: Width, linear: I64): Value;
  store(width: Width, linear: I64, value: Value): void;
  probe(width: Width, linear: I64): Probe;
  loadProbed(width: Width, probe: Probe): Value;
  storeProbed(width: Width, probe: Probe, value: Value): void;
}

/**
 * The entry of the soft TLB for a linear address. A hit costs one comparison: the distance from the entry's page covers the tag
 * and the page's end at once, so unaligned accesses within a page hit too.
 */
export function entryOf(b: SemanticsBuilder, tag: number, bytes: number, linear: I64): Entry {
  const kept = b.let(linear);
  const offset = i32.and(i32.wrap(i64.shrU(kept, i64.const(TLB.shift))), b.tlbMask());
  const entry = b.let(i32.add(b.tlbAddress(), offset));
  const delta = b.let(i64.sub(kept, load.i64(entry, tag)));
  return { linear: kept, entry, delta, miss: i64.gtU(delta, i64.const(4096 - bytes)) };
}

export const hostOf = (at: Entry): I32 => i32.add(i32.wrap(at.delta), load.i32(at.entry, TLB.host));

/** Accesses that leave the code where the soft TLB has no entry: the whole instruction is then repeated by other code. */
export class LeavingAccess implements MemoryAccess {
  readonly #b: SemanticsBuilder;
  readonly #leave: (condition: I32) => void;

  constructor(b: SemanticsBuilder, leave: (condition: I32) => void) {
    this.#b = b;
    this.#leave = leave;
  }

  load(width: Width, linear: I64): Value {
    const at = entryOf(this.#b, TLB.read, width.bytes, linear);
    this.#leave(at.miss);
    return this.#b.let(width.load(hostOf(at)));
  }

  store(width: Width, linear: I64, value: Value): void {
    const at = entryOf(this.#b, TLB.write, width.bytes, linear);
    this.#leave(at.miss);
    this.#b.code.store(width.store, hostOf(at), value);
  }

  probe(width: Width, linear: I64): Probe {
    const at = entryOf(this.#b, TLB.write, width.bytes, linear);
    this.#leave(at.miss);
    const host = this.#b.temporary("i32");
    this.#b.code.set(host, hostOf(at));
    return { linear: at.linear, host };
  }

  loadProbed(width: Width, probe: Probe): Value {
    return this.#b.let(width.load(this.#b.code.get(probe.host)));
  }

  storeProbed(width: Width, probe: Probe, value: Value): void {
    this.#b.code.store(width.store, this.#b.code.get(probe.host), value);
  }
}

/** Accesses that call the slow path where the soft TLB has no entry. */
export class CallingAccess implements MemoryAccess {
  readonly #b: SemanticsBuilder;
  readonly #slow: SlowPath;
  readonly #fail: (status: I32) => void;

  constructor(b: SemanticsBuilder, slow: SlowPath, fail: (status: I32) => void) {
    this.#b = b;
    this.#slow = slow;
    this.#fail = fail;
  }

  load(width: Width, linear: I64): Value {
    const { code } = this.#b;
    const at = entryOf(this.#b, TLB.read, width.bytes, linear);
    const result = this.#b.temporary(width.type);
    code.if(
      at.miss,
      () => {
        this.#call(this.#slow.read, width.bytes, at.linear);
        code.set(result, width.load(this.#b.contextAddress(), CONTEXT.memoryValue));
      },
      () => code.set(result, width.load(hostOf(at))),
    );
    return code.get(result);
  }

  store(width: Width, linear: I64, value: Value): void {
    const { code } = this.#b;
    const at = entryOf(this.#b, TLB.write, width.bytes, linear);
    code.if(
      at.miss,
      () => this.#slowStore(width, at.linear, value),
      () => code.store(width.store, hostOf(at), value),
    );
  }

  probe(width: Width, linear: I64): Probe {
    const { code } = this.#b;
    const at = entryOf(this.#b, TLB.write, width.bytes, linear);
    const host = this.#b.temporary("i32");
    code.if(
      at.miss,
      () => {
        this.#call(this.#slow.probe, width.bytes, at.linear);
        code.set(host, load.i32(this.#b.contextAddress(), CONTEXT.probedHost));
      },
      () => code.set(host, hostOf(at)),
    );
    return { linear: at.linear, host };
  }

  loadProbed(width: Width, probe: Probe): Value {
    const { code } = this.#b;
    const result = this.#b.temporary(width.type);
    code.if(
      code.get(probe.host),
      () => code.set(result, width.load(code.get(probe.host))),
      () => {
        this.#call(this.#slow.read, width.bytes, probe.linear);
        code.set(result, width.load(this.#b.contextAddress(), CONTEXT.memoryValue));
      },
    );
    return code.get(result);
  }

  storeProbed(width: Width, probe: Probe, value: Value): void {
    const { code } = this.#b;
    code.if(
      code.get(probe.host),
      () => code.store(width.store, code.get(probe.host), value),
      () => this.#slowStore(width, probe.linear, value),
    );
  }

  #slowStore(width: Width, linear: I64, value: Value): void {
    this.#b.code.store("i64", this.#b.contextAddress(), width.zeroExtend64(value), CONTEXT.memoryValue);
    this.#call(this.#slow.write, width.bytes, linear);
  }

  #call(callee: FunctionReference, bytes: number, linear: I64): void {
    const { code } = this.#b;
    const status = this.#b.temporary("i32");
    const args = [
      this.#b.contextAddress(),
      i32.const(bytes),
      i32.wrap(linear),
      i32.wrap(i64.shrU(linear, i64.const(32))),
    ];
    code.set(status, code.call("i32", callee, ...args));
    code.if(code.get(status), () => this.#fail(code.get(status)));
  }
}

/** Locals that are handed out again for each instruction. */
export class LocalPool {
  readonly #code: FunctionBuilder;
  readonly #locals: { readonly [T in ScalarType]: Local<T>[] } = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #used = { i32: 0, i64: 0, f32: 0, f64: 0, v128: 0 };

  constructor(code: FunctionBuilder) {
    this.#code = code;
  }

  take<T extends ScalarType>(type: T): Local<T> {
    const list = this.#locals[type] as unknown as Local<T>[];
    const position = this.#used[type]++;
    const existing = list[position];
    if (existing !== undefined) return existing;
    const fresh = this.#code.local(type);
    list.push(fresh);
    return fresh;
  }

  reset(): void {
    for (const type of Object.keys(this.#used) as ScalarType[]) this.#used[type] = 0;
  }
}
