import { MmioBus, PortBus } from "@likex/devices";
import type { IoExit, Vcpu, VcpuExit } from "@likex/kvm-client";
import { handleMmioExit, handlePortExit } from "./exit-io.ts";
import type { Stop } from "./run-result.ts";

/** Runs a vCPU from exit to exit, and has the devices carry out what each exit asks for. */
export class ExitHandler {
  readonly ports: PortBus = new PortBus();
  readonly mmio: MmioBus = new MmioBus();
  /** Why a device ends the run after the exit that is being handled. */
  stopRequest: Stop | undefined;
  /** Has the ports that no device of `ports` takes. */
  readonly #console: PortBus;
  readonly #onExit: ((exit: VcpuExit) => void) | undefined;

  constructor(console: PortBus, onExit: ((exit: VcpuExit) => void) | undefined) {
    this.#console = console;
    this.#onExit = onExit;
  }

  /**
   * Runs to the next exit and handles it; a Stop where the run ends. A method of its own, called in a loop: what engines
   * compile in the middle of a loop looks up every name of the module at each use.
   */
  next(vcpu: Vcpu): Stop | undefined {
    const exit = vcpu.run();
    const onExit = this.#onExit;
    if (onExit !== undefined) onExit(exit);
    if (exit.reason === "io") {
      handlePortExit(exit, this.ports, this.#console);
      return this.stopRequest;
    }
    return this.#handle(exit) ?? this.stopRequest;
  }

  /** What an exit other than a port access asks for. */
  #handle(exit: Exclude<VcpuExit, IoExit>): Stop | undefined {
    switch (exit.reason) {
      case "mmio":
        if (exit.data.length === 0) return { reason: "deviceMemory", physAddr: exit.physAddr, isWrite: exit.isWrite };
        handleMmioExit(exit, this.mmio);
        return undefined;
      case "hlt":
      case "shutdown":
        return { reason: exit.reason };
      case "intr":
        return { reason: "interrupted" };
      case "failEntry":
        return { reason: "failEntry", hardwareEntryFailureReason: exit.hardwareEntryFailureReason };
      case "internalError":
        return { reason: "internalError", suberror: exit.suberror, data: [...exit.data] };
      case "systemEvent":
        return { reason: "systemEvent", type: exit.type };
      case "unknown":
        return { reason: "unhandledExit", exit: "unknown", code: exit.hardwareExitReason };
      default:
        return {
          reason: "unhandledExit",
          exit: exit.reason,
          code: exit.reason === "other" ? BigInt(exit.exitReason) : 0n,
        };
    }
  }
}
