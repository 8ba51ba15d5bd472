import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { HostKvm } from "@likex/kvm-host";
import { detectWasmFeatures, type WasmFeatureReport } from "./wasm-features.ts";

/** A device file of the machine. */
export interface DeviceReport {
  readonly path: string;
  readonly available: boolean;
  readonly reason: string;
}

/** What this machine offers to likex. */
export interface MachineReport {
  readonly node: { readonly version: string; readonly required: string; readonly ok: boolean };
  readonly platform: string;
  readonly arch: string;
  readonly wasm: readonly WasmFeatureReport[];
  /** The optional library that calls the C library: its version, or undefined when it is not installed. */
  readonly koffi: string | undefined;
  readonly devices: readonly DeviceReport[];
  /** Whether guests can run at all, which takes the emulated processor. */
  readonly ok: boolean;
}

const OLDEST_NODE = [20, 19] as const;

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** koffi is the dependency of kvm-host, so it is looked for from there; its manifest is at the root of its directory. */
function koffiVersion(): string | undefined {
  try {
    const from = createRequire(createRequire(import.meta.url).resolve("@likex/kvm-host/package.json"));
    const entry = from.resolve("koffi");
    const root = entry.slice(0, entry.lastIndexOf("koffi") + "koffi".length);
    return (JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}

export function inspectMachine(): MachineReport {
  const wasm = detectWasmFeatures();
  const node = { version: process.version, required: OLDEST_NODE.join("."), ok: isNewEnough(process.version) };
  return {
    node,
    platform: process.platform,
    arch: process.arch,
    wasm,
    koffi: koffiVersion(),
    devices: ["/dev/kvm", "/dev/rust_kvm"].map((path) => ({ path, ...HostKvm.availability(path) })),
    ok: node.ok && wasm.every(({ use, available }) => use === "optional" || available),
  };
}
