import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CliError } from "../errors.ts";
import { EXIT_CODE, type ExitCode } from "../exit-codes.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of its path is not a directory",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "no space is left on the device",
  EROFS: "the file system is read-only",
};

/** Why a file operation failed, in words. */
export function describeFileError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (code === "" ? String(error) : code);
}

/** What is wrong with a file that is too large: the end of a sentence, and the exit code. */
export interface TooLarge {
  readonly message: string;
  readonly exitCode: ExitCode;
}

const CHUNK_BYTES = 1 << 20;

/** Reads to the end; undefined after one byte more than the limit, which endless devices reach too. */
function readUpTo(fd: number, limit: number): Uint8Array | undefined {
  const chunks: Uint8Array[] = [];
  let total = 0;
  // A regular file is one chunk, and is not copied.
  let size = Math.max(fstatSync(fd).size, CHUNK_BYTES);
  for (;;) {
    const chunk = new Uint8Array(Math.min(size, limit + 1 - total));
    const count = readSync(fd, chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
    if (total > limit) return undefined;
    size = CHUNK_BYTES;
  }
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function readFile(path: string, limit: number): Uint8Array | undefined {
  if (path === "-") return readUpTo(0, limit);
  const fd = openSync(path, "r");
  try {
    return readUpTo(fd, limit);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a file of at most `limit` bytes; "-" is standard input.
 *
 * @throws CliError; for a larger file `tooLarge`, given what is said of it.
 */
export function readProgramFile(path: string, limit: number, tooLarge: TooLarge): Uint8Array {
  let bytes: Uint8Array | undefined;
  try {
    bytes = readFile(path, limit);
  } catch (error) {
    throw new CliError(`Cannot read ${path}: ${describeFileError(error)}.`, EXIT_CODE.file);
  }
  if (bytes === undefined) throw new CliError(`${path} has more than ${tooLarge.message}`, tooLarge.exitCode);
  if (bytes.length === 0) throw new CliError(`${path} is empty: there is no program in it.`, EXIT_CODE.file);
  return bytes;
}
