import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Claim } from "./claims.ts";

/** What a C compiler answered: a value for each claim, null where the header does not know the name. */
export interface Answers {
  readonly linux: string;
  readonly compiler: string;
  readonly values: { readonly [id: string]: number | null };
}

const PRELUDE = `#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <linux/kvm.h>
#include <linux/version.h>
static long long first_bit(const unsigned char *p, unsigned long n) {
  for (unsigned long i = 0; i < n * 8; i++) if (p[i / 8] >> (i % 8) & 1) return i;
  return -1;
}
static long long bit_count(const unsigned char *p, unsigned long n) {
  long long count = 0;
  for (unsigned long i = 0; i < n * 8; i++) count += p[i / 8] >> (i % 8) & 1;
  return count;
}
static void say(int index, long long value) { printf("%d %lld\\n", index, value); }
int main(void) {
  printf("linux %d.%d\\n", LINUX_VERSION_CODE >> 16, LINUX_VERSION_CODE >> 8 & 255);
  (void)first_bit; (void)bit_count;
`;

const COMPILERS = ["gcc", "cc"];

/** The first line of `--version` of a compiler that finds linux/kvm.h for x86-64; or why there is none. */
export function findCompiler(): { command: string; version: string } | { missing: string } {
  for (const command of COMPILERS) {
    const version = spawnSync(command, ["--version"], { encoding: "utf8" });
    if (version.status !== 0) continue;
    const probe = spawnSync(command, ["-E", "-dM", "-include", "linux/kvm.h", "-x", "c", "/dev/null"], {
      encoding: "utf8",
    });
    if (probe.status !== 0) return { missing: "the C compiler finds no linux/kvm.h" };
    if (!probe.stdout.includes("__x86_64__")) return { missing: "the C compiler is not one for x86-64" };
    return { command, version: version.stdout.split("\n")[0] ?? command };
  }
  return { missing: "no C compiler" };
}

/** The C program that prints the value of every claim. */
export function program(claims: readonly Claim[]): string {
  const lines = claims.map(({ expression }, i) => `#line ${i + 1} "claim"\n  say(${i}, (long long)(${expression}));`);
  return `${PRELUDE}${lines.join("\n")}\n  return 0;\n}\n`;
}

/** Compiles and runs the program. A claim whose line does not compile is one that this header cannot answer. */
export function ask(compiler: { command: string; version: string }, claims: readonly Claim[]): Answers {
  const directory = mkdtempSync(join(tmpdir(), "kvm-abi-"));
  try {
    const source = join(directory, "claims.c");
    const binary = join(directory, "claims");
    const values: { [id: string]: number | null } = {};
    let remaining = [...claims];
    for (;;) {
      writeFileSync(source, program(remaining));
      const compiled = spawnSync(compiler.command, ["-w", "-O0", "-fmax-errors=0", "-o", binary, source], {
        encoding: "utf8",
        env: { ...process.env, LC_ALL: "C" },
      });
      if (compiled.status === 0) break;
      const bad = new Set(
        [...compiled.stderr.matchAll(/^claim:(\d+):\d+: error:/gm)].map((match) => Number(match[1]) - 1),
      );
      if (bad.size === 0) throw new Error(`the program does not compile:\n${compiled.stderr}`);
      for (const index of bad) values[(remaining[index] as Claim).id] = null;
      remaining = remaining.filter((_, index) => !bad.has(index));
    }
    const run = spawnSync(binary, { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`the compiled program failed: ${run.stderr}`);
    let linux = "unknown";
    for (const line of run.stdout.trim().split("\n")) {
      const [key, value] = line.split(" ") as [string, string];
      if (key === "linux") linux = value;
      else values[(remaining[Number(key)] as Claim).id] = Number(value);
    }
    return { linux, compiler: compiler.version, values };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The macros that the header and errno.h define, for finding what the package does not describe. */
export function macros(compiler: { command: string }): string[] {
  const args = ["-E", "-dM", "-include", "linux/kvm.h", "-include", "errno.h", "-x", "c", "/dev/null"];
  const { stdout } = spawnSync(compiler.command, args, { encoding: "utf8" });
  return [...stdout.matchAll(/^#define (\w+) /gm)].map((match) => match[1] as string);
}

const RECORDING = new URL("../../vectors/linux-kvm-h.json", import.meta.url);

/** The committed answers, for machines without a compiler. */
export function recording(): Answers {
  return JSON.parse(readFileSync(RECORDING, "utf8")) as Answers;
}

export function record(answers: Answers): void {
  writeFileSync(RECORDING, `${JSON.stringify(answers, null, 2)}\n`);
}
