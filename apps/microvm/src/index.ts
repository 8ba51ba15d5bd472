/** Hypervisor and VMM for programs that must start fast: npm has them, and all packages below, as one file. */

export * from "@likex/kvm";
export * from "@likex/vmm-runner";
