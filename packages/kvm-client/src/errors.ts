import { errnoName, type IoctlName } from "@likex/kvm-abi";

/** What was asked of the driver: a request, or one of the other calls. */
export type KvmCall = IoctlName | "open" | "mmap" | "close";

/** Base of every error that this package throws. */
export class KvmClientError extends Error {
  override name = "KvmClientError";
}

/** The caller passed a value that cannot be encoded, or used an object that was closed. */
export class KvmUsageError extends KvmClientError {
  override name = "KvmUsageError";
}

/** The driver answered with an errno. */
export class KvmError extends KvmClientError {
  override name = "KvmError";
  /** The call that failed, such as `KVM_CREATE_VCPU`. */
  readonly call: KvmCall;
  /** The errno, positive. */
  readonly errno: number;
  /** The errno's name, such as `EEXIST`; `errno 200` for a number that has none. */
  readonly code: string;

  /** `asked` says with what arguments the call was made; `errno` is positive. */
  constructor(call: KvmCall, errno: number, asked: string) {
    const code = errnoName(errno);
    const hint = HINTS[`${call} ${code}`] ?? HINTS[code];
    super(`${call} failed with ${code} (${errno}): ${asked}.${hint === undefined ? "" : ` ${hint}`}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  "open ENOENT": "The driver has no such device file; open /dev/kvm or /dev/rust_kvm.",
  "open EACCES": "The device file may not be opened; join its group (often kvm), or use the emulated driver.",
  "open EBUSY": "Another hypervisor holds the virtualization extensions; stop it, or use the emulated driver.",
  "KVM_CREATE_VM EINVAL": "The machine type is not one that KVM knows; use 0.",
  "KVM_CREATE_VM EEXIST": "The device file has a VM already; open the file again for another.",
  "KVM_CREATE_VCPU EEXIST": "A vCPU with this id exists; use another id, or the Vcpu that was created with it.",
  "KVM_CREATE_VCPU EINVAL": "The id is out of range; stay below KVM_CAP_MAX_VCPU_ID.",
  "KVM_CREATE_VCPU ENOENT": "There is no VM yet; call createVm() first.",
  "KVM_SET_USER_MEMORY_REGION EEXIST":
    "The range overlaps another slot; move it, or delete the other slot first (memorySize 0).",
  "KVM_SET_USER_MEMORY_REGION EINVAL":
    "Addresses and size must be multiples of 4096, the slot below KVM_CAP_NR_MEMSLOTS, and an existing slot keeps its size and its userspaceAddr: to change them delete it first (memorySize 0).",
  "KVM_SET_USER_MEMORY_REGION ENOENT": "There is no VM yet; call createVm() first.",
  "KVM_SET_SREGS EINVAL": "The control registers contradict each other, or set reserved bits of CR4 or EFER.",
  "KVM_SET_CPUID2 EINVAL":
    "Set the table before the vCPU's first run, with 48 or 57 bits of linear address in leaf 0x80000008.",
  "KVM_RUN ENOENT": "There is no vCPU yet; call createVcpu() first.",
  "KVM_RUN EFAULT": "The hypervisor could not read or write guest memory; check that the slot's mapping still exists.",
  EBADF: "The file descriptor is closed; use an object only before its close().",
  ENOMEM: "Memory ran out; close VMs that are no longer used.",
  EMFILE: "Too many files are open; close VMs and vCPUs that are no longer used.",
  EFAULT: "A pointer was bad.",
  ENOTTY: "This device file does not have the request.",
};
