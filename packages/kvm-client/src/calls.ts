import { type IoctlName, KVM_IOCTL } from "@likex/kvm-abi";
import type { KvmDriver, UserMapping } from "./driver.ts";
import { type KvmCall, KvmError } from "./errors.ts";

/** A driver's answer, or a {@link KvmError} when it is a negated errno. */
export function check(call: KvmCall, result: number, asked: string): number {
  if (result < 0) {
    throw new KvmError(call, -result, asked);
  }
  return result;
}

/** Makes a request and throws a {@link KvmError} when the driver answers with an errno. */
export function request(
  driver: KvmDriver,
  fd: number,
  name: IoctlName,
  argument: Uint8Array | number | bigint,
  asked: string,
): number {
  return check(name, driver.ioctl(fd, KVM_IOCTL[name], argument), asked);
}

/** Maps, and throws a {@link KvmError} when the driver answers with an errno. */
export function map(driver: KvmDriver, fd: number, length: number, asked: string): UserMapping {
  const mapping = driver.mmap(fd, length);
  if (typeof mapping === "number") {
    throw new KvmError("mmap", -mapping, asked);
  }
  return mapping;
}
