/** e_type: what a file is for. */
export const ELF_TYPE = { relocatable: 1, executable: 2, sharedObject: 3, core: 4 } as const;

/** e_machine: processors whose files are read. */
export const ELF_MACHINE = { i386: 3, x86_64: 62 } as const;

/** p_type of segments that mean something here. */
export const ELF_SEGMENT = { load: 1, dynamic: 2, interpreter: 3, note: 4 } as const;

/** Bits of p_flags. */
export const ELF_SEGMENT_FLAG = { execute: 1, write: 2, read: 4 } as const;

/** sh_type of sections that mean something here. */
export const ELF_SECTION = { symbols: 2, strings: 3, relocationsWithAddend: 4, noBits: 8, relocations: 9 } as const;

/** Bits of sh_flags. */
export const ELF_SECTION_FLAG = { write: 1, allocated: 2, execute: 4, compressed: 0x800 } as const;

/** Low four bits of a symbol's st_info. */
export const ELF_SYMBOL_TYPE = {
  none: 0,
  object: 1,
  function: 2,
  section: 3,
  file: 4,
  common: 5,
  tls: 6,
  indirectFunction: 10,
} as const;

/** High four bits of a symbol's st_info. */
export const ELF_BINDING = { local: 0, global: 1, weak: 2 } as const;

/** Section numbers of a symbol that are none: undefined, absolute, and those from `reserved` on. */
export const ELF_SECTION_NUMBER = { undefined: 0, reserved: 0xff00, absolute: 0xfff1, extended: 0xffff } as const;
