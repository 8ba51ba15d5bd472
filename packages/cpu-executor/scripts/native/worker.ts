import { type Part, runPart } from "./run.ts";

// A child process of run.ts: takes one part, reports how far it is, answers with the result.
process.once("message", (part) => {
  const result = runPart(part as Part, (executions) => process.send?.(executions));
  process.send?.(result, () => process.disconnect());
});
