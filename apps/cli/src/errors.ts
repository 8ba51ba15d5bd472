import { EXIT_CODE, type ExitCode } from "./exit-codes.ts";

/** Ends the command with a one-line message on stderr and an exit code of its own. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** An argument that cannot be understood. */
export class UsageError extends CliError {
  override readonly name: string = "UsageError";

  constructor(message: string) {
    super(message, EXIT_CODE.usage);
  }
}

/** Whoever read the output closed it: nobody is left to tell, so the command ends in silence. */
export class BrokenPipeError extends CliError {
  override readonly name: string = "BrokenPipeError";

  constructor() {
    super("The reader of the output went away.", EXIT_CODE.brokenPipe);
  }
}
