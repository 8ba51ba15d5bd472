import type { Command } from "commander";
import { createCommand, writeJson } from "../command.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { inspectMachine, type MachineReport } from "../machine-report.ts";
import type { OutputStream, Terminal } from "../terminal.ts";

const EXAMPLES = [
  ["likex doctor", "a report for people"],
  ["likex doctor --json | jq .devices", "the same for programs"],
] as const;

/** `likex doctor`. */
export function doctorCommand({ output }: Terminal, setExitCode: (code: number) => void): Command {
  return createCommand("doctor", EXAMPLES)
    .summary("show what this machine offers, and what is used instead")
    .description("Shows what this machine offers to likex, and what is used instead of what it lacks.")
    .option("--json", "print one JSON object")
    .action(({ json }: { json?: boolean }) => {
      const report = inspectMachine();
      if (json === true) writeJson(output, report);
      else writeReport(output, report);
      setExitCode(report.ok ? EXIT_CODE.ok : EXIT_CODE.unsupported);
    });
}

type Mark = "ok" | "absent" | "missing";

function writeReport(output: OutputStream, { node, platform, arch, wasm, koffi, devices, ok }: MachineReport): void {
  const { green, yellow, red, bold } = output.colors;
  const marks: Readonly<Record<Mark, string>> = {
    ok: green("ok     "),
    absent: yellow("absent "),
    missing: red("MISSING"),
  };
  const line = (mark: Mark, what: string, detail: string): void => {
    output.write(`${marks[mark]} ${what.padEnd(14)} ${detail}\n`);
  };
  line(
    node.ok ? "ok" : "missing",
    "Node",
    `${node.version} on ${platform} ${arch}; ${node.required} or newer is required`,
  );
  for (const { name, use, available } of wasm) {
    line(available ? "ok" : use === "required" ? "missing" : "absent", "WebAssembly", `${name} (${use})`);
  }
  line(koffi === undefined ? "absent" : "ok", "koffi", koffi ?? "not installed; only --kvm host needs it");
  for (const { path, available, reason } of devices) line(available ? "ok" : "absent", path, reason);
  output.write(`\n${bold("What runs guests")}\n`);
  if (!ok) {
    output.write("  nothing: a required feature is missing. Install a newer Node.\n");
    return;
  }
  output.write("  likex run             the emulated processor with VMX and EPT, on any machine\n");
  const real = devices.find(({ available }) => available)?.path;
  output.write(
    real === undefined
      ? "  likex run --kvm host  not on this machine: the emulated device files are used instead\n"
      : `  likex run --kvm host  this machine's ${real}\n`,
  );
}
