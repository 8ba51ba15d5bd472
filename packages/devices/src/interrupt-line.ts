/** Told each change of a line's level: true while the device asks for service. */
export type LineListener = (isAsserted: boolean) => void;

/**
 * The interrupt request output of a device: a level. Its listener, most often an input of an interrupt controller, is
 * told of changes alone, so that an edge-triggered input sees one edge for each of them.
 */
export class InterruptLine {
  readonly #listener: LineListener | undefined;
  #isAsserted = false;

  constructor(listener?: LineListener) {
    this.#listener = listener;
  }

  get isAsserted(): boolean {
    return this.#isAsserted;
  }

  /** Drives the line to a level; the listener runs before this returns. */
  drive(isAsserted: boolean): void {
    if (isAsserted === this.#isAsserted) return;
    this.#isAsserted = isAsserted;
    this.#listener?.(isAsserted);
  }
}
