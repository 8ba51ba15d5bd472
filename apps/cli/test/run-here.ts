import pc from "picocolors";
import { likex } from "../src/program.ts";
import type { Terminal } from "../src/terminal.ts";

/** Runs the command in this process. */
export async function runHere(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const written = { output: "", errors: "" };
  const stream = (name: keyof typeof written): Terminal["output"] => ({
    colors: pc.createColors(false),
    write: (data) => {
      written[name] += typeof data === "string" ? data : new TextDecoder().decode(data);
    },
  });
  const code = await likex(args, { output: stream("output"), errors: stream("errors") });
  return { code, ...written };
}
