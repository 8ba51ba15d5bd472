import type { IoctlName } from "@likex/kvm-abi";

/** A 64-bit value: a number where it is exact, else its digits in hexadecimal with 0x. */
export type Word = number | `0x${string}`;

/** Fields of a structure, nested as it is. */
export interface Fields {
  readonly [name: string]: Word | Fields | readonly Word[];
}

/** The address of a byte in a mapping that a step made. */
export interface Place {
  readonly mapping: string;
  readonly offset: number;
}

/** The structures that a step may name. */
export type StructureName = "kvm_regs" | "kvm_sregs" | "kvm_userspace_memory_region";

/** An ioctl's argument: by value, as a raw address into a mapping, or as a structure of which some fields are set. */
export type Argument = Word | Place | { readonly struct: StructureName; readonly fields?: Fields };

/** A file that a step opened, by its name; or a descriptor's number. */
export type FileName = string | number;

/** One thing to do. `ask` names its answer; without it the step is set-up, and must succeed. */
export type Step =
  | { readonly do: "open"; readonly path: string; readonly as: string; readonly ask?: string }
  | { readonly do: "close"; readonly fd: FileName; readonly ask?: string }
  | {
      readonly do: "mmap";
      readonly fd: FileName;
      readonly length: number;
      readonly as: string;
      readonly ask?: string;
    }
  | { readonly do: "unmap"; readonly mapping: string }
  | {
      readonly do: "ioctl";
      readonly fd: FileName;
      readonly request: IoctlName | number;
      readonly argument?: Argument;
      /** The result is a descriptor, kept under this name. */
      readonly as?: string;
      readonly ask?: string;
    }
  | { readonly do: "region"; readonly vm?: string; readonly region: Region; readonly ask?: string }
  | { readonly do: "registers"; readonly vcpu?: string; readonly set: Fields; readonly ask?: string }
  /** KVM_SET_CPUID2; `nent` says another number of entries than there are. */
  | {
      readonly do: "setCpuid";
      readonly table: readonly CpuidFields[];
      readonly nent?: number;
      readonly ask?: string;
    }
  /** KVM_GET_CPUID2, with room for `nent` entries. */
  | { readonly do: "getCpuid"; readonly nent: number; readonly ask: string }
  /** KVM_GET_SUPPORTED_CPUID with room for `nent` entries: the result alone, as processors differ. */
  | { readonly do: "supportedCpuid"; readonly nent: number; readonly ask: string }
  | { readonly do: "specialRegisters"; readonly vcpu?: string; readonly set: Fields; readonly ask?: string }
  | { readonly do: "write"; readonly mapping: string; readonly at: number; readonly hex: string }
  | {
      readonly do: "read";
      readonly mapping: string;
      readonly at: number;
      readonly length: number;
      readonly ask: string;
    }
  | { readonly do: "run"; readonly vcpu?: string; readonly ask: string }
  /** Fills the data of the last exit. */
  | { readonly do: "provide"; readonly vcpu?: string; readonly hex: string }
  | { readonly do: "runPage"; readonly vcpu?: string; readonly set: Fields };

/** `struct kvm_cpuid_entry2`; what is left out is 0. */
export interface CpuidFields {
  readonly function: number;
  readonly index?: number;
  readonly flags?: number;
  readonly eax?: number;
  readonly ebx?: number;
  readonly ecx?: number;
  readonly edx?: number;
}

/** `struct kvm_userspace_memory_region`; what is left out is 0. */
export interface Region {
  readonly slot?: number;
  readonly flags?: number;
  readonly gpa?: Word;
  readonly size?: Word;
  readonly memory?: Place | Word;
}

/** A sequence of steps on a fresh driver's files, whose answers are compared between drivers. */
export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The answers of a case, by the names that its steps ask under. */
export type CaseAnswers = { readonly [ask: string]: Json };

/** The answers of all cases, by their names. */
export type Answers = { readonly [name: string]: CaseAnswers };
