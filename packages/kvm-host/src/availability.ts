import { accessSync, closeSync, constants, openSync } from "node:fs";
import { loadLibc } from "./libc.ts";

/** Whether this process can use the machine's `/dev/kvm`. */
export interface HostKvmAvailability {
  readonly available: boolean;
  /** What was found: why not, and what to do; or that the device opens. One sentence or two. */
  readonly reason: string;
}

const no = (reason: string): HostKvmAvailability => ({ available: false, reason });

/** The answer for a device file, found by opening it once and closing it again. */
export function hostKvmAvailability(path: string): HostKvmAvailability {
  if (process.platform !== "linux") {
    return no(`${path} is a Linux device and this is ${process.platform}. Use the emulated driver.`);
  }
  if (process.arch !== "x64") {
    return no(`The structures are those of x86-64 and this is ${process.arch}. Use the emulated driver.`);
  }
  const code = openFailure(path);
  if (code !== undefined) {
    return no(`${path} does not open: ${OPEN_ADVICE[code] ?? code}`);
  }
  try {
    loadLibc();
  } catch (error) {
    const { code: kind, message } = error as NodeJS.ErrnoException;
    return kind === "MODULE_NOT_FOUND"
      ? no(`${path} opens, but the optional dependency koffi is not installed. Install koffi to use the device.`)
      : no(`${path} opens, but koffi does not load: ${message.split("\n", 1)[0] ?? ""}`);
  }
  return { available: true, reason: `${path} opens.` };
}

function openFailure(path: string): string | undefined {
  try {
    accessSync(path, constants.F_OK);
    closeSync(openSync(path, "r+"));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const OPEN_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: "the machine has none (no kvm module, or no nested virtualization). Use the emulated driver.",
  EACCES: "permission denied. Add the user to the file's group (often kvm), or use the emulated driver.",
  EPERM: "not permitted, for example by a container's device rules. Use the emulated driver.",
  EBUSY: "another hypervisor holds the processor's extensions. Stop it, or use the emulated driver.",
  ENODEV: "the kvm module has no backend on this processor. Use the emulated driver.",
  ENXIO: "the kvm module has no backend on this processor. Use the emulated driver.",
};
