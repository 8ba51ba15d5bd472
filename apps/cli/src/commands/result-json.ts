import type { RunResult } from "@likex/vmm-runner";
import type { StopReport } from "./stop-report.ts";

/** A run's result for programs. Output is text where it is UTF-8, and always Base64. */
export function resultJson({ output, ...rest }: RunResult, { exitCode, message }: StopReport): object {
  return {
    exitCode,
    ...(message === undefined ? {} : { message }),
    ...rest,
    output: new TextDecoder().decode(output),
    outputBase64: Buffer.from(output).toString("base64"),
  };
}
