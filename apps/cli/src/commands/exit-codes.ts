import type { Command } from "commander";
import { createCommand } from "../command.ts";
import { EXIT_CODE_MEANING } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

const table = (): string =>
  EXIT_CODE_MEANING.map(([code, meaning]) => `${String(code).padStart(5)}  ${meaning}`).join("\n");

/** `likex exit-codes`, and `likex help exit-codes`. */
export function exitCodesCommand({ output }: Terminal): Command {
  return createCommand("exit-codes", [["likex run a.bin || echo $?", "how the guest ended"]])
    .summary("list what the exit codes say")
    .description(`Lists the exit codes of all commands:\n\n${table()}`)
    .action(() => output.write(`${table()}\n`));
}
