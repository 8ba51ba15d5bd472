/**
 * What the exit code of `likex` says, unless a guest chose it (`likex boot`). 2 to 9, 17 to 19: the command could not be
 * carried out. 10 to 16: how the guest ended.
 */
export const EXIT_CODE = {
  ok: 0,
  likexFailed: 1,
  usage: 2,
  file: 3,
  imageOutsideMemory: 4,
  register: 5,
  memorySlots: 6,
  entryOutsideMemory: 7,
  device: 8,
  hostMemory: 9,
  shutdown: 10,
  internalError: 11,
  undefinedInstruction: 12,
  entryFailure: 13,
  exitLimit: 14,
  instructionLimit: 15,
  unknownExit: 16,
  unsupported: 17,
  fileFormat: 18,
  notFound: 19,
  brokenPipe: 141,
} as const;

export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];

/** The table that `likex help exit-codes` shows. */
export const EXIT_CODE_MEANING: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_CODE.ok, "the guest halted (HLT), or the command did what was asked"],
  [EXIT_CODE.likexFailed, "likex itself failed: a bug"],
  [EXIT_CODE.usage, "an unknown command or option, or a value that cannot be read"],
  [EXIT_CODE.file, "a file cannot be read or written, or is empty"],
  [EXIT_CODE.imageOutsideMemory, "the program does not fit in guest memory"],
  [EXIT_CODE.register, "no such register, or a value that it cannot hold"],
  [EXIT_CODE.memorySlots, "memory slots overlap, are unaligned or have an unusable number"],
  [EXIT_CODE.entryOutsideMemory, "the entry is not in guest memory"],
  [EXIT_CODE.device, "the KVM device is absent or refuses a call"],
  [EXIT_CODE.hostMemory, "the guest's memory does not fit in the emulated machine"],
  [EXIT_CODE.shutdown, "the guest shut down: triple fault"],
  [EXIT_CODE.internalError, "KVM_EXIT_INTERNAL_ERROR: KVM cannot go on with the guest"],
  [EXIT_CODE.undefinedInstruction, "the guest executed an undefined instruction"],
  [EXIT_CODE.entryFailure, "KVM_EXIT_FAIL_ENTRY: the processor refused the guest's state"],
  [EXIT_CODE.exitLimit, "the exit limit was reached (--exit-limit)"],
  [EXIT_CODE.instructionLimit, "the instruction limit was reached (--instruction-limit)"],
  [EXIT_CODE.unknownExit, "an exit reason that likex does not handle"],
  [EXIT_CODE.unsupported, "this machine lacks what likex requires (likex doctor)"],
  [EXIT_CODE.fileFormat, "a damaged ELF or multiboot file, or one for another machine"],
  [EXIT_CODE.notFound, "the file has no such section, symbol or address"],
  [130, "ended by Ctrl-C"],
  [EXIT_CODE.brokenPipe, "the reader of the output went away"],
];
