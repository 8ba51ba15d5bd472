/** For programs of Node that start often: the same code, as V8 has compiled it for an earlier process. */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import type * as Microvm from "./index.ts";
import type * as MicrovmJit from "./jit.ts";

/** A script of the package cannot be read, or a code cache cannot be written. */
export class CodeCacheError extends Error {
  override readonly name: string = "CodeCacheError";
}

export interface CachedOptions {
  /**
   * Where V8's code caches are: by default beside this package's files. What is in them is executed, so a directory that
   * others may write is no place for them.
   */
  readonly directory?: string;
}

const NAMES = ["index", "jit"] as const;
type Name = (typeof NAMES)[number];

/** Bytes of a hash of the script, with which script and cache begin: V8 itself compares no more than the script's length. */
const ID_BYTES = 16;

interface Loaded {
  readonly id: string;
  readonly script: Script;
  readonly isCached: boolean;
  readonly exports: unknown;
}

/**
 * This package from its scripts, with V8's code caches where there are any that fit. Each object has classes of its own.
 *
 * @throws CodeCacheError from whatever loads a script that is missing: npm's package has them, the repository makes them
 * (`pnpm --filter @likex/microvm bundle`).
 */
export class CachedMicrovm {
  readonly #scripts = fileURLToPath(new URL(".", import.meta.url));
  readonly #caches: string;
  readonly #loaded = new Map<Name, Loaded>();

  constructor(options: CachedOptions = {}) {
    this.#caches = options.directory ?? this.#scripts;
  }

  /** What `@likex/microvm` exports. */
  get api(): typeof Microvm {
    return this.#load("index").exports as typeof Microvm;
  }

  /** What `@likex/microvm/jit` exports; who does not ask for it does not load it. */
  get jit(): typeof MicrovmJit {
    return this.#load("jit").exports as typeof MicrovmJit;
  }

  /**
   * V8 has used a cache for all that is loaded, and something is. It does not where there is none, or one for other scripts, another V8 or other
   * flags.
   */
  get isCached(): boolean {
    return this.#loaded.size > 0 && [...this.#loaded.values()].every((loaded) => loaded.isCached);
  }

  /**
   * Writes the caches of what is loaded: what V8 has compiled until now, so best after a machine like those to come has run.
   *
   * @throws CodeCacheError where they cannot be written.
   */
  writeCaches(): void {
    for (const [name, { id, script }] of this.#loaded)
      write(this.#cacheOf(name), Buffer.concat([Buffer.from(id, "latin1"), script.createCachedData()]));
  }

  #cacheOf(name: Name): string {
    return join(this.#caches, `${name}.cache`);
  }

  #load(name: Name): Loaded {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known;
    const filename = join(this.#scripts, `${name}.cjs`);
    // Scripts have ASCII only, for which one byte a character is enough.
    const source = read(filename)?.toString("latin1");
    if (source === undefined) throw new CodeCacheError(`${filename} is missing: install the package anew`);
    const id = source.slice(0, ID_BYTES);
    const cache = read(this.#cacheOf(name));
    const cachedData = cache?.toString("latin1", 0, ID_BYTES) === id ? cache.subarray(ID_BYTES) : undefined;
    const script = new Script(source, { filename, ...(cachedData && { cachedData }) });
    const isCached = cachedData !== undefined && script.cachedDataRejected === false;
    const module: { exports: unknown } = { exports: {} };
    const requireOther = (path: string): unknown => this.#load(nameOf(path)).exports;
    (script.runInThisContext() as Body)(module.exports, module, requireOther);
    const loaded = { id, script, isCached, exports: module.exports };
    this.#loaded.set(name, loaded);
    return loaded;
  }
}

type Body = (exports: unknown, module: { exports: unknown }, require: (path: string) => unknown) => void;

function nameOf(path: string): Name {
  const name = NAMES.find((one) => path === `./${one}.js`);
  if (name === undefined)
    throw new CodeCacheError(`a script asks for ${path}: the package's files do not fit each other`);
  return name;
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/** Who reads the file meanwhile finds the one before, or none. */
function write(file: string, bytes: Uint8Array): void {
  const unfinished = `${file}.${process.pid}`;
  try {
    writeFileSync(unfinished, bytes);
    renameSync(unfinished, file);
  } catch (cause) {
    throw new CodeCacheError(`the code cache cannot be written to ${file}: give another directory`, { cause });
  }
}
