import {
  DEBUG_EXIT,
  DebugExit,
  type MmioHandler,
  type MmioRange,
  type PortHandler,
  type PortRange,
} from "@likex/devices";
import type { KvmDriver, Regs, Sregs } from "@likex/kvm-client";
import { DEFAULT_MEMORY, DEFAULT_OUTPUT_LIMIT, type MicroVmConfig } from "./config.ts";
import { consolePorts, DEFAULT_CONSOLE } from "./console.ts";
import { checkCpuidOption } from "./cpuid.ts";
import { DisposedError, InvalidLimitError, OutsideMemoryError } from "./errors.ts";
import { ExitHandler } from "./exit-handler.ts";
import { hex } from "./hex.ts";
import { applyInitialState, initialState } from "./initial-state.ts";
import { loadImage } from "./load-image.ts";
import { type Machine, openMachine } from "./machine.ts";
import { MemoryLayout } from "./memory-layout.ts";
import { OutputBuffer } from "./output.ts";
import type { RunOptions, RunResult, Stop } from "./run-result.ts";

/** A virtual machine with one vCPU, its memory and its devices, over any KvmDriver. */
export class MicroVm {
  readonly #machine: Machine;
  readonly #layout: MemoryLayout;
  readonly #exits: ExitHandler;
  readonly #outputLimit: number;
  readonly #onOutput: ((bytes: Uint8Array) => void) | undefined;
  #output: OutputBuffer;
  #disposed = false;

  private constructor(machine: Machine, layout: MemoryLayout, config: MicroVmConfig) {
    this.#machine = machine;
    this.#layout = layout;
    this.#outputLimit = config.outputLimit ?? DEFAULT_OUTPUT_LIMIT;
    this.#output = new OutputBuffer(this.#outputLimit);
    this.#onOutput = config.onOutput;
    const console = config.console ?? DEFAULT_CONSOLE[config.personality ?? "kvm"];
    const ports = consolePorts(console, (bytes) => this.#write(bytes), config.input);
    this.#exits = new ExitHandler(ports, config.onExit);
  }

  /**
   * Checks the configuration, then creates the VM, loads its memory and sets its registers. Nothing of it stays in the
   * driver when it fails.
   *
   * @throws VmmError for what the configuration gets wrong, `DeviceError` (`@likex/devices`) for its devices' ranges,
   * `LoaderError` (`@likex/loaders`) for its image, `KvmError` (`@likex/kvm-client`) when the driver refuses a call.
   */
  static create(driver: KvmDriver, config: MicroVmConfig): MicroVm {
    const layout = new MemoryLayout(config.memory ?? DEFAULT_MEMORY);
    checkLimit("output limit", config.outputLimit ?? DEFAULT_OUTPUT_LIMIT);
    checkCpuidOption(config);
    const { segments, entry } = loadImage(config.image, layout.slots);
    for (const { address, memorySize } of segments) layout.findImage(address, memorySize);
    const state = initialState(entry, config.registers ?? {});
    if (state.address !== undefined) layout.checkEntry(state.address);
    const machine = openMachine(driver, config, layout);
    try {
      const vm = new MicroVm(machine, layout, config);
      if (config.debugExitPort !== undefined) vm.#addDebugExit(config.debugExitPort);
      for (const device of config.ports ?? []) vm.onPort(device, device.handler);
      for (const device of config.mmio ?? []) vm.onMmio(device, device.handler);
      for (const { address, bytes } of segments) vm.writeMemory(address, bytes);
      applyInitialState(machine.vcpu, state);
      return vm;
    } catch (error) {
      machine.close();
      throw error;
    }
  }

  /** Puts a device on I/O ports. @throws InvalidHandlerRangeError (`@likex/devices`). */
  onPort(range: PortRange, handler: PortHandler): void {
    this.#exits.ports.add(range, handler);
  }

  /** Puts a device at guest-physical addresses that no slot has. @throws InvalidHandlerRangeError (`@likex/devices`). */
  onMmio(range: MmioRange, handler: MmioHandler): void {
    this.#exits.mmio.add(range, handler);
  }

  /**
   * Runs the guest, and its devices with it, to a stop. What the guest does wrong is in the result.
   *
   * @throws InvalidLimitError; DisposedError; `KvmError` when KVM_RUN itself is refused.
   */
  run({ exitLimit = Number.POSITIVE_INFINITY }: RunOptions = {}): RunResult {
    this.#checkUsable();
    if (exitLimit !== Number.POSITIVE_INFINITY) checkLimit("exit limit", exitLimit);
    const { vcpu } = this.#machine;
    this.#output = new OutputBuffer(this.#outputLimit);
    const handler = this.#exits;
    handler.stopRequest = undefined;
    let stop: Stop | undefined;
    let exits = 0;
    while (stop === undefined) {
      stop = handler.next(vcpu);
      exits += 1;
      if (stop === undefined && exits >= exitLimit) stop = { reason: "exitLimit" };
    }
    const registers = vcpu.getRegs();
    return {
      ...stop,
      exits,
      rip: registers.rip,
      registers,
      specialRegisters: vcpu.getSregs(),
      output: this.#output.toBytes(),
      outputDropped: this.#output.dropped,
    };
  }

  /** Ends `run()` after the exit that is being handled: for handlers. */
  stop(): void {
    this.#exits.stopRequest ??= { reason: "stopped" };
  }

  /** The general registers. */
  get registers(): Regs {
    this.#checkUsable();
    return this.#machine.vcpu.getRegs();
  }

  /** Segments, descriptor tables and control registers. */
  get specialRegisters(): Sregs {
    this.#checkUsable();
    return this.#machine.vcpu.getSregs();
  }

  /** Copies `length` bytes of guest memory out. @throws OutsideMemoryError. */
  readMemory(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#eachPart(address, length, (mapping, slotOffset, runOffset, partLength) => {
      bytes.set(mapping.read(slotOffset, partLength), runOffset);
    });
    return bytes;
  }

  /** Copies bytes into guest memory, read-only slots included. @throws OutsideMemoryError. */
  writeMemory(address: number, bytes: Uint8Array): void {
    this.#eachPart(address, bytes.length, (mapping, slotOffset, runOffset, partLength) => {
      mapping.write(slotOffset, bytes.subarray(runOffset, runOffset + partLength));
    });
  }

  /** Closes what the driver holds for this machine. A second call does nothing; any other use throws DisposedError. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#machine.close();
  }

  #addDebugExit(first: number): void {
    const device = new DebugExit((code) => {
      this.#exits.stopRequest ??= { reason: "debugExit", code };
    });
    this.onPort({ first, last: first + DEBUG_EXIT.ports - 1 }, device);
  }

  #write(bytes: Uint8Array): void {
    for (const byte of bytes) this.#output.push(byte);
    this.#onOutput?.(bytes);
  }

  #eachPart(
    address: number,
    length: number,
    visit: (mapping: Machine["mappings"][number], slotOffset: number, runOffset: number, length: number) => void,
  ): void {
    this.#checkUsable();
    const parts = this.#layout.find(address, length);
    if (parts === undefined) {
      throw new OutsideMemoryError(`${length} bytes at ${hex(address)} are not all in the memory slots.`);
    }
    for (const part of parts) {
      const mapping = this.#machine.mappings[part.index];
      if (mapping !== undefined) visit(mapping, part.slotOffset, part.runOffset, part.length);
    }
  }

  #checkUsable(): void {
    if (this.#disposed) throw new DisposedError("This MicroVm was disposed of. Create another one.");
  }
}

function checkLimit(what: string, limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new InvalidLimitError(`The ${what} is ${limit}. Give a positive integer, or leave it out.`);
  }
}
