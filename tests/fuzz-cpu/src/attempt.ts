import { attemptOnCpu, type Log } from "./cpu-attempt.ts";
import { attemptOnKvm } from "./kvm-attempt.ts";

/** Of so many attempts, one goes through the hypervisor. */
const KVM_EVERY = 4;

/** Runs the attempt that a seed stands for; the text says what is wrong. */
export const attempt = (seed: number, log?: Log): string | undefined =>
  seed % KVM_EVERY === KVM_EVERY - 1 ? attemptOnKvm(seed, log) : attemptOnCpu(seed, log);
