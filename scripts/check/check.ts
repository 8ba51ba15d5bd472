/** One rule of the repository. */
export interface Check {
  readonly name: string;
  /** What breaks the rule, one line each; none when it holds. */
  readonly run: () => readonly string[] | Promise<readonly string[]>;
}

/** Runs a check and prints its result; true when it holds. */
export async function runCheck(check: Check): Promise<boolean> {
  const problems = await check.run();
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${check.name}`);
  for (const problem of problems) console.log(`       ${problem}`);
  return problems.length === 0;
}
