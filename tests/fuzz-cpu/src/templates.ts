import type { Bits } from "../../../packages/x86-decoder/scripts/streams.ts";
import { anySelector } from "./descriptors.ts";
import { AT, PAGE } from "./layout.ts";
import type { Random } from "./random.ts";

/** Bytes of an instruction or a short sequence in a mode. */
type Template = (random: Random, bits: Bits) => number[];

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RSI = 6;
const RDI = 7;

const little = (value: bigint, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));

/** MOV of an immediate to a register, as wide as the mode allows: 64 or 32 bits. */
const load = (bits: Bits, register: number, value: bigint): number[] => [
  ...(bits === 64 ? [0x48] : bits === 16 ? [0x66] : []),
  0xb8 + register,
  ...little(value, bits === 64 ? 8 : 4),
];

/** A memory operand at an absolute address (in 64-bit mode by SIB without base), with a ModRM.reg. */
const absolute = (bits: Bits, reg: number, address: number): number[] => {
  if (bits === 16) return [(reg << 3) | 6, ...little(BigInt(address), 2)];
  return bits === 64
    ? [(reg << 3) | 4, 0x25, ...little(BigInt(address), 4)]
    : [(reg << 3) | 5, ...little(BigInt(address), 4)];
};

const register = (random: Random): number => random.of([0, 1, 2, 3, 5, 6, 7]);

/** One opcode of a list with a memory operand: SGDT, FXSAVE and their like. */
const withMemory =
  (...opcodes: readonly (readonly [readonly number[], number])[]): Template =>
  (random, bits) => {
    const [opcode, reg] = random.of(opcodes);
    return [...opcode, ...absolute(bits, reg, random.chance(4) ? random.physical() : random.ordinary())];
  };

/** One of a list of instructions without operands. */
const plain =
  (...instructions: readonly (readonly number[])[]): Template =>
  (random) => [...random.of(instructions)];

const MSRS = [
  0x10, 0x1b, 0x3b, 0x174, 0x175, 0x176, 0x1a0, 0x1d9, 0x277, 0x2ff, 0x200, 0xc0000080, 0xc0000081,
] as const;
const MORE_MSRS = [
  0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0x12345,
] as const;

const controlValue = (random: Random, number: number): bigint => {
  if (random.chance(4)) return random.value();
  if (number === 0) return BigInt(random.some(0xe005003f) | (random.chance(4) ? 0 : 1));
  if (number === 3) return BigInt((AT.tables + random.below(6)) * PAGE + random.some(0xfff));
  if (number === 4) return BigInt(random.some(0x770fff));
  return random.value();
};

const controlRegister: Template = (random, bits) => {
  const number = random.of([0, 0, 3, 3, 4, 4, 2, 8, 1]);
  const from = register(random);
  const rex = number === 8 ? [0x44] : [];
  const modrm = 0xc0 | ((number & 7) << 3) | from;
  return random.chance(4)
    ? [...rex, 0x0f, 0x20, modrm]
    : [...load(bits, from, controlValue(random, number)), ...rex, 0x0f, 0x22, modrm];
};

const debugRegister: Template = (random, bits) => {
  const number = random.below(8);
  const from = register(random);
  const value = number === 7 ? BigInt(random.bits32()) : BigInt(random.ordinary());
  const modrm = 0xc0 | (number << 3) | from;
  return random.chance(4) ? [0x0f, 0x21, modrm] : [...load(bits, from, value), 0x0f, 0x23, modrm];
};

const modelSpecific: Template = (random, bits) => {
  const index = BigInt(random.of(random.chance(2) ? MSRS : MORE_MSRS));
  const value = index === 0xc0000080n ? BigInt(random.some(0xd01)) : random.value();
  return [
    ...load(bits, RCX, index),
    ...load(bits, RAX, value & 0xffff_ffffn),
    ...load(bits, RDX, value >> 32n),
    0x0f,
    random.chance(3) ? 0x32 : 0x30,
  ];
};

const STRING_OPCODES = [0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x6c, 0x6d, 0x6e, 0x6f] as const;

const repeated: Template = (random, bits) => [
  ...load(bits, RCX, random.chance(2) ? random.value() : 0xffff_ffffn),
  ...load(bits, RSI, BigInt(random.physical())),
  ...load(bits, RDI, BigInt(random.chance(3) ? (AT.code + random.below(8)) * PAGE : random.physical())),
  ...(random.chance(2) ? [] : [random.of([0xfc, 0xfd])]),
  ...(random.chance(4) ? [0x67] : []),
  random.of([0xf2, 0xf3]),
  ...(bits === 64 && random.chance(2) ? [0x48] : []),
  random.of(STRING_OPCODES),
];

/** A store into the code pages, often close to where it stands itself. */
const selfModification: Template = (random, bits) => {
  const address = AT.code * PAGE + random.below((AT.codeEnd - AT.code) * PAGE);
  if (bits === 64 && random.chance(2))
    return [0xc6, 0x05, ...little(BigInt(random.below(64) - 32), 4), random.below(256)];
  if (random.chance(2)) return [0xc6, ...absolute(bits, 0, address), random.below(256)];
  return [0x89, ...absolute(bits, random.below(8), address)];
};

const branch: Template = (random, bits) => {
  const near = random.below(256);
  const far = little(BigInt(random.below(0x2000) - 0x1000), bits === 16 ? 2 : 4);
  switch (random.below(7)) {
    case 0:
      return [0xeb, near];
    case 1:
      return [0x70 + random.below(16), near];
    case 2:
      return [0xe0 + random.below(4), near];
    case 3:
      return [0xe8, ...far];
    case 4:
      return [0xe9, ...far];
    case 5:
      return [...load(bits, RAX, random.value()), 0xff, random.of([0xd0, 0xe0])];
    default:
      return random.of([[0xc3], [0xc2, ...little(BigInt(random.below(64)), 2)]]);
  }
};

/** A short loop backwards over some instructions that do little. */
const loop: Template = (random, bits) => {
  const body = Array.from({ length: random.below(6) }, () => random.of([0x90, 0x98, 0xf8, 0xf9, 0xfc]));
  return [...load(bits, RCX, BigInt(random.below(2000))), ...body, 0xe2, 0xfe - body.length];
};

const farTransfer: Template = (random, bits) => {
  const offset = AT.code * PAGE + random.below((AT.codeEnd - AT.code) * PAGE);
  const selector = anySelector(random);
  const size = random.chance(4) ? [0x66] : [];
  const offsetBytes = (bits === 16) === (size.length === 0) ? 2 : 4;
  if (bits !== 64 && random.chance(2))
    return [...size, random.of([0xea, 0x9a]), ...little(BigInt(offset), offsetBytes), ...little(BigInt(selector), 2)];
  // Pushed for a RETF or IRET, which find them in reverse.
  const push = (value: number): number[] => [0x68, ...little(BigInt(value), bits === 16 ? 2 : 4)];
  const frame = [...push(2 | random.some(0x3ffed5)), ...push(selector), ...push(offset)];
  switch (random.below(4)) {
    case 0:
      return [...frame, ...(bits === 64 ? [0x48] : []), 0xcb];
    case 1:
      return [
        ...(random.chance(2) ? [...push(anySelector(random)), ...push((AT.stack + 1) * PAGE)] : []),
        ...frame,
        ...(bits === 64 && random.chance(2) ? [0x48] : []),
        0xcf,
      ];
    case 2:
      return [0xff, ...absolute(bits, random.of([3, 5]), random.ordinary())];
    default:
      return [...size, random.of([0xcb, 0xcf, 0xca]), random.below(8), 0];
  }
};

const segmentRegister: Template = (random, bits) => [
  ...load(bits, RAX, BigInt(anySelector(random))),
  0x8e,
  0xc0 | (random.of([0, 2, 3, 4, 5, 1]) << 3),
];

const systemSegment: Template = (random, bits) => [
  ...load(bits, RAX, BigInt(anySelector(random))),
  ...random.of([
    [0x0f, 0x00, 0xd0],
    [0x0f, 0x00, 0xd8],
    [0x0f, 0x00, 0xe0],
    [0x0f, 0x00, 0xe8],
    [0x0f, 0x02, 0xc8],
    [0x0f, 0x03, 0xc8],
    [0x63, 0xc1],
  ]),
];

const flags: Template = (random, bits) => [
  0x68,
  ...little(BigInt(random.some(0x3f7fd5)), bits === 16 ? 2 : 4),
  ...(random.chance(4) ? [0x66] : []),
  0x9d,
];

const interrupt: Template = (random) => random.of([[0xcc], [0xce], [0xf1], [0xcd, random.below(256)], [0xcd, 0x80]]);

const port: Template = (random) =>
  random.of([
    [0xe4, random.below(256)],
    [0xe7, random.below(256)],
    [0xec],
    [0xef],
    [0x66, 0xed],
    [random.of([0xf2, 0xf3]), random.of([0x6c, 0x6d, 0x6e, 0x6f])],
  ]);

/** An access whose operand lies across the end of a page, or in device memory. */
const crossing: Template = (random, bits) => {
  const address = random.chance(4) ? random.physical() : (AT.code + random.below(40)) * PAGE - random.below(17);
  const reg = random.below(8);
  const [opcode, suffix] = random.of<readonly [readonly number[], readonly number[]]>([
    [[0x89], []],
    [[0x8b], []],
    [[0x01], []],
    [[0xf0, 0x0f, 0xb1], []],
    [[0x0f, 0x11], []],
    [[0x66, 0x0f, 0x7f], []],
    [[0xf0, 0x83], [random.below(256)]],
    [[0x0f, 0xab], []],
    [[0xdb], []],
    [[0xdd], []],
  ]);
  return [...opcode, ...absolute(bits, reg, address), ...suffix];
};

/** What the processor may be made of: each is as likely as any other. */
export const TEMPLATES: readonly Template[] = [
  (random, bits) => load(bits, register(random), random.value()),
  controlRegister,
  debugRegister,
  modelSpecific,
  repeated,
  selfModification,
  selfModification,
  branch,
  branch,
  loop,
  farTransfer,
  segmentRegister,
  systemSegment,
  flags,
  interrupt,
  port,
  crossing,
  crossing,
  // Descriptor tables, SMSW, LMSW, INVLPG.
  withMemory(...[0, 1, 2, 3, 4, 6, 7].map((reg): [number[], number] => [[0x0f, 0x01], reg])),
  // FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, XSAVE, XRSTOR, XSAVEOPT, CLFLUSH; FNSAVE, FRSTOR, FNSTENV, FLDENV.
  withMemory(...[0, 1, 2, 3, 4, 5, 6, 7].map((reg): [number[], number] => [[0x0f, 0xae], reg])),
  withMemory([[0xdd], 6], [[0xdd], 4], [[0xd9], 6], [[0xd9], 4], [[0xdb], 7], [[0xdb], 5], [[0xdf], 4], [[0xdf], 6]),
  // CMPXCHG8B and 16B, RDRAND's group, BOUND or EVEX, INVEPT, INVVPID, INVPCID, MOVBE.
  withMemory(
    [[0xf0, 0x0f, 0xc7], 1],
    [[0xf0, 0x48, 0x0f, 0xc7], 1],
    [[0x62], 0],
    [[0x66, 0x0f, 0x38, 0x82], 0],
    [[0x0f, 0x38, 0xf1], 0],
  ),
  // LES or VEX, LDS or VEX, LSS, LFS, LGS, POP to memory, MOV to and from a segment register.
  withMemory(
    [[0xc4], 0],
    [[0xc5], 0],
    [[0x0f, 0xb2], 0],
    [[0x0f, 0xb4], 1],
    [[0x0f, 0xb5], 1],
    [[0x8f], 0],
    [[0x8c], 2],
    [[0x8e], 2],
  ),
  // SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, with and without REX.W.
  plain(
    [0x0f, 0x05],
    [0x0f, 0x07],
    [0x48, 0x0f, 0x07],
    [0x0f, 0x34],
    [0x0f, 0x35],
    [0x48, 0x0f, 0x35],
    [0x0f, 0x01, 0xf8],
  ),
  // HLT, CLI, STI, PAUSE, CLTS, STAC, CLAC, CPUID, RDTSC, RDTSCP, RDPMC, XGETBV, XSETBV, WBINVD, INVD.
  plain([0xf4], [0xfa], [0xfb], [0xf3, 0x90], [0x0f, 0x06], [0x0f, 0x01, 0xcb], [0x0f, 0x01, 0xca], [0x0f, 0xa2]),
  plain(
    [0x0f, 0x31],
    [0x0f, 0x01, 0xf9],
    [0x0f, 0x33],
    [0x0f, 0x01, 0xd0],
    [0x0f, 0x01, 0xd1],
    [0x0f, 0x09],
    [0x0f, 0x08],
  ),
  // RDRAND, RDSEED, RDPID, the bases of FS and GS, MONITOR, MWAIT, VMCALL, VMLAUNCH, RSM, UD2.
  plain(
    [0x0f, 0xc7, 0xf0],
    [0x0f, 0xc7, 0xf8],
    [0xf3, 0x0f, 0xc7, 0xf8],
    [0xf3, 0x0f, 0xae, 0xc0],
    [0xf3, 0x0f, 0xae, 0xd8],
  ),
  plain([0x0f, 0x01, 0xc8], [0x0f, 0x01, 0xc9], [0x0f, 0x01, 0xc1], [0x0f, 0x01, 0xc2], [0x0f, 0xaa], [0x0f, 0x0b]),
  // PUSHA, POPA, PUSH and POP of segment registers, PUSHF, ENTER, LEAVE, XLAT, SALC, AAM 0.
  plain(
    [0x60],
    [0x61],
    [0x06],
    [0x07],
    [0x16],
    [0x17],
    [0x1f],
    [0x0f, 0xa1],
    [0x0f, 0xa9],
    [0x9c],
    [0xc9],
    [0xd7],
    [0xd4, 0],
  ),
  (random) => [0xc8, random.below(256), random.below(2), random.below(32)],
];
