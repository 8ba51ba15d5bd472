import { type CheckContext, checkControls, checkInjection, OK } from "./control-checks.ts";
import { DIRTY } from "./dirty.ts";
import { checkGuestRip, checkGuestState, type GuestCheckResult, takesPdptesFromMemory } from "./guest-checks.ts";
import { checkHostState } from "./host-checks.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** Which class of checks a VM entry failed. */
export const ENTRY_CHECK = { passed: 0, controls: 1, host: 2, guest: 3 } as const;

/** The checks of VM entry in the manual's order; those whose inputs were not written since they passed are left out. */
export class EntryChecks {
  readonly #context: CheckContext;
  readonly #result: GuestCheckResult = { qualification: 0 };
  /** What the last check that failed is about. */
  failure = "";
  /** Exit qualification of the last failure in guest state. */
  get qualification(): number {
    return this.#result.qualification;
  }

  constructor(context: CheckContext) {
    this.#context = context;
  }

  /** Returns ENTRY_CHECK.*. `dirty`: DIRTY bits. */
  check(dirty: number): number {
    if (dirty & DIRTY.checkControls && this.#fails(checkControls(this.#context))) return ENTRY_CHECK.controls;
    if (dirty & DIRTY.checkInjection && this.#fails(checkInjection(this.#context))) return ENTRY_CHECK.controls;
    if (dirty & DIRTY.checkHost && this.#fails(checkHostState(this.#context))) return ENTRY_CHECK.host;
    const { vmcs } = this.#context;
    // The revision that a VMCS link pointer refers to, and PDPTEs in memory, can change without a VMWRITE.
    const readsMemory = vmcs.low(F.VMCS_LINK_POINTER) !== 0xffffffff || takesPdptesFromMemory(this.#context);
    if (dirty & DIRTY.checkGuest || readsMemory) {
      if (this.#fails(checkGuestState(this.#context, this.#result))) return ENTRY_CHECK.guest;
    } else if (dirty & DIRTY.checkRip && this.#fails(checkGuestRip(this.#context))) {
      this.#result.qualification = 0;
      return ENTRY_CHECK.guest;
    }
    return ENTRY_CHECK.passed;
  }

  #fails(failure: string): boolean {
    this.failure = failure;
    return failure !== OK;
  }
}
