import {
  bytesOf,
  create,
  ERRNO,
  errnoName,
  KVM_IOCTL,
  kvm_cpuid2,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_userspace_memory_region,
  type Struct,
  type StructName,
  toObject,
  view,
} from "@likex/kvm-abi";
import type { KvmDriver, UserMapping } from "@likex/kvm-client";
import { describeExit, exitData } from "./exit-answer.ts";
import { fromHex, toHex, toJson } from "./json.ts";
import type { Case, CaseAnswers, CpuidFields, Fields, FileName, Json, Place, Step, Word } from "./steps.ts";

const VCPU = "vcpu";
const SYSTEM = "system";
const VM = "vm";

/** Plays a case on a driver and gives its answers. Whatever the case left open is closed. */
export function play(driver: KvmDriver, { steps }: Case): CaseAnswers {
  const player = new Player(driver);
  try {
    for (const step of steps) player.take(step);
    return player.answers;
  } finally {
    player.end();
  }
}

class Player {
  readonly answers: { [ask: string]: Json } = {};
  readonly #driver: KvmDriver;
  readonly #files = new Map<string, number>();
  readonly #mappings = new Map<string, UserMapping>();

  constructor(driver: KvmDriver) {
    this.#driver = driver;
  }

  end(): void {
    for (const mapping of this.#mappings.values()) mapping.unmap();
    for (const fd of this.#files.values()) this.#driver.close(fd);
  }

  take(step: Step): void {
    switch (step.do) {
      case "open":
        this.#opened(step, this.#driver.open(step.path));
        break;
      case "close":
        this.#close(step);
        break;
      case "mmap":
        this.#mmap(step);
        break;
      case "ioctl":
        this.#ioctl(step);
        break;
      case "region":
        this.#region(step);
        break;
      case "registers":
        this.#setRegisters(step, kvm_regs, "KVM_GET_REGS", "KVM_SET_REGS");
        break;
      case "setCpuid":
        this.#setCpuid(step);
        break;
      case "getCpuid": {
        const { result, value } = this.#readCpuid(VCPU, "KVM_GET_CPUID2", step.nent);
        const entries = [...value.entries].slice(0, value.nent).map((entry) => toJson(toObject(entry)));
        this.#answer(step.ask, "KVM_GET_CPUID2", result, result === 0 ? { nent: value.nent, entries } : {});
        break;
      }
      case "supportedCpuid":
        this.#answer(step.ask, "", this.#readCpuid(SYSTEM, "KVM_GET_SUPPORTED_CPUID", step.nent).result);
        break;
      case "specialRegisters":
        this.#setRegisters(step, kvm_sregs, "KVM_GET_SREGS", "KVM_SET_SREGS");
        break;
      case "write":
        this.#mapping(step.mapping).write(step.at, fromHex(step.hex));
        break;
      case "read":
        this.answers[step.ask] = toHex(this.#mapping(step.mapping).read(step.at, step.length));
        break;
      case "run":
        this.#run(step.vcpu ?? VCPU, step.ask);
        break;
      case "provide":
        this.#provide(step.vcpu ?? VCPU, fromHex(step.hex));
        break;
      case "runPage":
        setFields(view(kvm_run, this.#runPage(step.vcpu ?? VCPU)), step.set);
        break;
    }
  }

  /** Keeps a descriptor, which is answered without its number. */
  #opened({ as, ask }: { readonly as: string; readonly ask?: string | undefined }, fd: number): void {
    if (fd >= 0) this.#files.set(as, fd);
    this.#answer(ask, as, fd, fd >= 0 ? { result: "a descriptor" } : {});
  }

  #close(step: Step & { do: "close" }): void {
    const fd = this.#fd(step.fd);
    const result = this.#driver.close(fd);
    // A closed name keeps its number, so that a case can use it once more; nothing else opens in between.
    if (result === 0 && typeof step.fd === "string") {
      this.#files.delete(step.fd);
      this.#closed.set(step.fd, fd);
    }
    this.#answer(step.ask, `close ${step.fd}`, result);
  }

  readonly #closed = new Map<string, number>();

  #mmap(step: Step & { do: "mmap" }): void {
    const result = this.#driver.mmap(this.#fd(step.fd), step.length);
    if (typeof result !== "number") this.#mappings.set(step.as, result);
    const [code, more] = typeof result === "number" ? [result, {}] : [0, { length: result.length }];
    this.#answer(step.ask, `mmap ${step.fd}`, code, more);
  }

  #ioctl(step: Step & { do: "ioctl" }): void {
    const { argument = 0, as } = step;
    const request = typeof step.request === "number" ? step.request : KVM_IOCTL[step.request];
    const fd = this.#fd(step.fd);
    const what = `${step.request} on ${step.fd}`;
    if (typeof argument === "object" && "struct" in argument) {
      const value = create(STRUCTURES[argument.struct] as Struct<StructName>);
      setFields(value, argument.fields ?? {});
      const result = this.#driver.ioctl(fd, request, bytesOf(value));
      this.#answer(step.ask, what, result, isRead(request) ? { value: toJson(toObject(value)) } : {});
    } else {
      const result = this.#driver.ioctl(fd, request, this.#value(argument));
      if (as === undefined) this.#answer(step.ask, what, result);
      else this.#opened({ ...step, as }, result);
    }
  }

  #region({ vm, region, ask }: Step & { do: "region" }): void {
    const { slot = 0, flags = 0, gpa = 0, size = 0, memory = 0 } = region;
    const bytes = bytesOf(
      create(kvm_userspace_memory_region, {
        slot,
        flags,
        guest_phys_addr: BigInt(gpa),
        memory_size: BigInt(size),
        userspace_addr: BigInt(this.#value(memory)),
      }),
    );
    const result = this.#driver.ioctl(this.#fd(vm ?? VM), KVM_IOCTL.KVM_SET_USER_MEMORY_REGION, bytes);
    this.#answer(ask, `region ${slot}`, result);
  }

  /** Reads a register structure, sets some fields, and writes it back. */
  #setRegisters<N extends "kvm_regs" | "kvm_sregs">(
    { vcpu, set, ask }: { readonly vcpu?: string; readonly set: Fields; readonly ask?: string },
    struct: Struct<N>,
    get: "KVM_GET_REGS" | "KVM_GET_SREGS",
    put: "KVM_SET_REGS" | "KVM_SET_SREGS",
  ): void {
    const fd = this.#fd(vcpu ?? VCPU);
    const value = create(struct);
    this.#answer(undefined, get, this.#driver.ioctl(fd, KVM_IOCTL[get], bytesOf(value)));
    setFields(value, set);
    this.#answer(ask, put, this.#driver.ioctl(fd, KVM_IOCTL[put], bytesOf(value)));
  }

  #setCpuid({ table, nent = table.length, ask }: Step & { do: "setCpuid" }): void {
    const value = create(kvm_cpuid2, { nent, entries: table as CpuidFields[] }, nent);
    const result = this.#driver.ioctl(this.#fd(VCPU), KVM_IOCTL.KVM_SET_CPUID2, bytesOf(value));
    this.#answer(ask, "KVM_SET_CPUID2", result);
  }

  #readCpuid(
    file: FileName,
    request: "KVM_GET_CPUID2" | "KVM_GET_SUPPORTED_CPUID",
    nent: number,
  ): { result: number; value: kvm_cpuid2 } {
    const value = create(kvm_cpuid2, { nent }, Math.max(nent, 1));
    return { result: this.#driver.ioctl(this.#fd(file), KVM_IOCTL[request], bytesOf(value)), value };
  }

  /** Bytes that the exit has no room for are left out: what the guest then sees tells. */
  #provide(vcpu: string, bytes: Uint8Array): void {
    const data = exitData(this.#runPage(vcpu));
    data.set(bytes.subarray(0, data.length));
  }

  #run(vcpu: string, ask: string): void {
    const fd = this.#fd(vcpu);
    const result = this.#driver.ioctl(fd, KVM_IOCTL.KVM_RUN, 0);
    const regs = create(kvm_regs);
    this.#driver.ioctl(fd, KVM_IOCTL.KVM_GET_REGS, bytesOf(regs));
    const interrupted = result === -ERRNO.EINTR;
    this.answers[ask] = {
      result: shownResult(result),
      ...(result === 0 || interrupted ? describeExit(this.#runPage(vcpu)) : {}),
      regs: shownRegisters(regs),
    };
  }

  #answer(ask: string | undefined, what: string, result: number, more: { [key: string]: Json } = {}): void {
    if (ask !== undefined) this.answers[ask] = { result: shownResult(result), ...more };
    else if (result < 0) this.answers[`set-up: ${what}`] = shownResult(result);
  }

  #fd(file: FileName): number {
    if (typeof file === "number") return file;
    return this.#files.get(file) ?? this.#closed.get(file) ?? -1;
  }

  #mapping(name: string): UserMapping {
    const mapping = this.#mappings.get(name);
    if (mapping === undefined) throw new Error(`no step mapped ${name}`);
    return mapping;
  }

  #runPage(vcpu: string): Uint8Array {
    const { bytes } = this.#mapping(`${vcpu} page`);
    if (bytes === undefined) throw new Error(`the run page of ${vcpu} has no live view`);
    return bytes;
  }

  #value(argument: Word | Place): number | bigint {
    if (typeof argument === "number") return argument;
    if (typeof argument === "string") return BigInt(argument);
    return this.#mapping(argument.mapping).address + BigInt(argument.offset);
  }
}

const shownResult = (result: number): Json => (result < 0 ? errnoName(-result) : result);

/** Whether a request's number says that the kernel writes the structure (_IOR or _IOWR). */
const isRead = (request: number): boolean => request >>> 31 === 1;

/** The structures that a step may name. */
const STRUCTURES = { kvm_regs, kvm_sregs, kvm_userspace_memory_region } as const;

/** Sets fields of a view: numbers as the field wants them, strings as 64-bit values. */
function setFields(target: object, fields: Fields): void {
  const holder = target as { [name: string]: unknown };
  for (const [name, value] of Object.entries(fields)) {
    const current = holder[name];
    if (typeof value !== "object") {
      if (typeof current === "bigint") holder[name] = BigInt(value);
      else if (typeof current === "number") holder[name] = Number(value);
      else throw new Error(`no field ${name}`);
    } else if (typeof current !== "object" || current === null) throw new Error(`no structure ${name}`);
    else setFields(current, value as Fields);
  }
}

/** Registers that are not 0, and always rip and rflags. */
function shownRegisters(regs: kvm_regs): Json {
  const shown = Object.entries(toObject(regs)).filter(
    ([name, value]) => value !== 0n || name === "rip" || name === "rflags",
  );
  return toJson(Object.fromEntries(shown));
}
