// Compares everything that this package states about the KVM ABI with linux/kvm.h, as a C compiler understands it.
import { type Claim, claims } from "./header/claims.ts";
import { type Comparison, compare, undescribed } from "./header/compare.ts";
import { type Answers, ask, findCompiler, macros, record, recording } from "./header/compiler.ts";

const USAGE = `usage: verify.ts [--json] [--record]
  --json    print one JSON object instead of the table
  --record  write the compiler's answers to vectors/linux-kvm-h.json
Without a C compiler that finds linux/kvm.h, compares with that recording.`;

const options = process.argv.slice(2);
const unknown = options.find((option) => option !== "--json" && option !== "--record");
if (unknown !== undefined) {
  if (unknown !== "--help") console.error(`unknown option ${unknown}`);
  console.error(USAGE);
  process.exit(unknown === "--help" ? 0 : 2);
}

const all = claims();
const compiler = findCompiler();
const skipped: string[] = [];
let answers: Answers;
let missing: string[] = [];
let source: string;
if ("missing" in compiler) {
  if (options.includes("--record")) {
    console.error(`cannot record: ${compiler.missing}`);
    process.exit(2);
  }
  answers = recording();
  source = `recorded: linux/kvm.h of Linux ${answers.linux}, ${answers.compiler}`;
  skipped.push(`${compiler.missing}: compared with the recording of linux/kvm.h ${answers.linux}`);
} else {
  answers = ask(compiler, all);
  source = `live: linux/kvm.h of Linux ${answers.linux}, ${answers.compiler}`;
  missing = undescribed(all, macros(compiler));
  if (options.includes("--record")) record(answers);
}

const comparison = compare(all, answers);
const ok = comparison.differences.length === 0 && comparison.compared.length > 0;
skipped.push(...notComparedByReason(comparison));
if (options.includes("--json")) printJson(comparison);
else printTable(comparison);
process.exitCode = ok ? 0 : 1;

/** One line for each reason, naming what it keeps from being compared. */
function notComparedByReason({ notCompared }: Comparison): string[] {
  const names = new Map<string, Set<string>>();
  for (const { claim, reason } of notCompared) {
    names.set(reason, (names.get(reason) ?? new Set()).add(claim.id.split(" ")[0] ?? claim.id));
  }
  return [...names].map(([reason, ids]) => `not compared (${reason}): ${[...ids].join(", ")}`);
}

function groups(list: readonly Claim[]): Map<string, Claim[]> {
  const result = new Map<string, Claim[]>();
  for (const claim of list) result.set(claim.group, [...(result.get(claim.group) ?? []), claim]);
  return result;
}

function printJson({ compared, differences, notCompared }: Comparison): void {
  const count = (name: string, value: number): object => ({ name, value, unit: "count" });
  const results = [
    count("structure definitions", new Set((groups(compared).get("structures") ?? []).map((c) => c.subject)).size),
    ...[...groups(compared)].map(([group, list]) =>
      count(group === "structures" ? "structure numbers" : group, list.length),
    ),
    count("differences", differences.length),
    count("not compared", notCompared.length),
    count("in the header, not described", missing.length),
  ];
  console.log(JSON.stringify({ name: "kvm-abi", ok, skipped, results }));
}

function printTable({ compared, differences }: Comparison): void {
  console.log(`kvm-abi against the C header (${source})\n`);
  const bySubject = new Map<string, Claim[]>();
  for (const claim of compared) bySubject.set(claim.subject, [...(bySubject.get(claim.subject) ?? []), claim]);
  const width = Math.max(...[...bySubject.keys()].map((name) => name.length));
  console.log(`${"".padEnd(width)}  ${"bytes".padStart(6)}  ${"compared".padStart(8)}  differ`);
  for (const [subject, list] of bySubject) {
    const size = list.find((claim) => claim.id === `${subject} size`)?.expected ?? "";
    const differ = differences.filter(({ claim }) => claim.subject === subject).length;
    console.log(
      `${subject.padEnd(width)}  ${String(size).padStart(6)}  ${String(list.length).padStart(8)}  ${String(differ).padStart(6)}`,
    );
  }
  for (const { claim, actual } of differences) {
    console.log(`DIFFERENT  ${claim.id}: stated ${claim.expected}, the header ${actual ?? "does not know it"}`);
  }
  console.log("");
  for (const line of skipped) console.log(line);
  if (missing.length > 0) console.log(`other names of the header, not described: ${missing.join(" ")}`);
  console.log(`\n${compared.length} numbers compared, ${differences.length} differ: ${ok ? "ok" : "FAILED"}`);
}
