/** Adds BL to AL, writes the sum as a digit and a newline to port 0x3f8, and halts: the first program that LiKeX ran. */
export const BUILTIN_PROGRAM: {
  readonly bytes: Uint8Array;
  readonly registers: Readonly<Record<string, bigint>>;
  /** Size of its memory slot, bytes. */
  readonly memory: number;
} = {
  // mov dx, 3f8h; add al, bl; add al, '0'; out dx, al; mov al, 0ah; out dx, al; hlt
  bytes: Uint8Array.of(0xba, 0xf8, 0x03, 0x00, 0xd8, 0x04, 0x30, 0xee, 0xb0, 0x0a, 0xee, 0xf4),
  registers: { rax: 2n, rbx: 2n },
  memory: 4096,
};
