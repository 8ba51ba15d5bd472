import type { Claim } from "./claims.ts";
import type { Answers } from "./compiler.ts";

/** What the package states and headers lack, with the Linux version whose kvm.h has it first. */
const NEWER: readonly { readonly pattern: RegExp; readonly since: string }[] = [
  { pattern: /^KVM_EXIT_LOONGARCH_IOCSR$/, since: "6.7" },
  {
    pattern: /^(KVM_EXIT_MEMORY_FAULT|KVM_CAP_MEMORY_FAULT_INFO|KVM_MEMORY_EXIT_FLAG_PRIVATE|KVM_MEM_GUEST_MEMFD)$/,
    since: "6.8",
  },
  { pattern: /^kvm_run\.memory_fault\b/, since: "6.8" },
  { pattern: /^ENOTSUPP$/, since: "never" },
];

export interface Difference {
  readonly claim: Claim;
  /** Undefined if the header should know the name and does not. */
  readonly actual: number | undefined;
}

export interface Comparison {
  readonly compared: readonly Claim[];
  readonly differences: readonly Difference[];
  readonly notCompared: readonly { readonly claim: Claim; readonly reason: string }[];
}

/** Compares each claim with its answer. A missing answer is a difference, unless the header is older than the name. */
export function compare(claims: readonly Claim[], answers: Answers): Comparison {
  const compared: Claim[] = [];
  const differences: Difference[] = [];
  const notCompared: { claim: Claim; reason: string }[] = [];
  for (const claim of claims) {
    const actual = answers.values[claim.id] ?? undefined;
    const reason = actual === undefined ? reasonForAbsence(claim, answers.linux) : undefined;
    if (reason !== undefined) {
      notCompared.push({ claim, reason });
      continue;
    }
    compared.push(claim);
    if (actual !== claim.expected) differences.push({ claim, actual });
  }
  return { compared, differences, notCompared };
}

function reasonForAbsence(claim: Claim, linux: string): string | undefined {
  const newer = NEWER.find(({ pattern }) => pattern.test(claim.id));
  if (newer?.since === "never") return "Linux-internal, in no header for user space";
  if (newer === undefined || !olderThan(linux, newer.since)) return undefined;
  return `since Linux ${newer.since}; the header is of ${linux}`;
}

function olderThan(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number);
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

const OTHER_ARCHITECTURES = /_(PPC|S390|ARM|MIPS|SPAPR|SW_TLB|RISCV|LOONGARCH|OSI|PAPR|DCR|EPR)(_|$)|IRQ_(MPIC|XICS)$/;

/** Capabilities, exit reasons and errno that the header has for x86 and the package does not describe. */
export function undescribed(claims: readonly Claim[], macros: readonly string[]): string[] {
  const known = new Set(claims.map(({ id }) => id));
  return macros
    .filter((name) => /^(KVM_CAP_|KVM_EXIT_|E[A-Z0-9]+$)/.test(name))
    .filter((name) => !known.has(name) && !OTHER_ARCHITECTURES.test(name))
    .sort();
}
