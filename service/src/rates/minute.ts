/** A minute is counted in slots of two seconds: what was done is forgotten 58 to 60 s later. */
export const SLOT_ms = 2_000;
export const SLOTS = 30;

/** So much was done in the slot that was this many slots ago. */
export interface Count {
  age: number;
  count: number;
}

/**
 * Moments are milliseconds of a clock that never jumps (`performance.now()`), which begins with the process: the minute before that is
 * in slots as well, since others have counted in it.
 */
const slotAt = (now_ms: number) => Math.floor(now_ms / SLOT_ms) + SLOTS;
/** When a slot is forgotten. */
const endOf_ms = (slot: number) => slot * SLOT_ms;

/**
 * How often one thing was done in the last minute: what all instances are known to have done, and what this one has done since it
 * last told the others.
 */
export class Minute {
  readonly #known = new Int32Array(SLOTS);
  readonly #untold = new Int32Array(SLOTS);
  #slot = SLOTS;
  #total = 0;
  #untold_total = 0;

  /** Forgets what is past. */
  #advance(now_ms: number): void {
    const slot = slotAt(now_ms);
    const first = Math.max(this.#slot + 1, slot - SLOTS + 1);
    for (let next = first; next <= slot; next += 1) {
      const at = next % SLOTS;
      this.#total -= (this.#known[at] ?? 0) + (this.#untold[at] ?? 0);
      this.#untold_total -= this.#untold[at] ?? 0;
      this.#known[at] = 0;
      this.#untold[at] = 0;
    }
    if (slot > this.#slot) this.#slot = slot;
  }

  /** It was done once more. */
  add(now_ms: number): void {
    this.#advance(now_ms);
    const at = this.#slot % SLOTS;
    this.#untold[at] = (this.#untold[at] ?? 0) + 1;
    this.#untold_total += 1;
    this.#total += 1;
  }

  total(now_ms: number): number {
    this.#advance(now_ms);
    return this.#total;
  }

  /** What the others have not been told of. */
  get untold(): number {
    return this.#untold_total;
  }

  /** In how many milliseconds the total will be below a limit; 0 if it is now. */
  wait_ms(now_ms: number, limit: number): number {
    this.#advance(now_ms);
    let total = this.#total;
    for (let slot = this.#slot - SLOTS + 1; slot <= this.#slot && total >= limit; slot += 1) {
      total -= this.#at(slot);
      if (total < limit) return endOf_ms(slot) - now_ms;
    }
    return 0;
  }

  /** In how many milliseconds the first of it will be forgotten; if there is nothing, of what is done now. */
  reset_ms(now_ms: number): number {
    if (this.total(now_ms) === 0) return endOf_ms(this.#slot) - now_ms;
    return this.wait_ms(now_ms, this.#total);
  }

  #at(slot: number): number {
    const at = slot % SLOTS;
    return (this.#known[at] ?? 0) + (this.#untold[at] ?? 0);
  }

  /** What the others are now to be told of. It counts as known here from now on, whether or not they get to know. */
  tell(now_ms: number): Count[] {
    this.#advance(now_ms);
    const counts: Count[] = [];
    for (let age = 0; age < SLOTS; age += 1) {
      const at = (this.#slot - age) % SLOTS;
      const count = this.#untold[at] ?? 0;
      if (count === 0) continue;
      counts.push({ age, count });
      this.#known[at] = (this.#known[at] ?? 0) + count;
      this.#untold[at] = 0;
    }
    this.#untold_total = 0;
    return counts;
  }

  /** What all have done together, what was last told included; instead of what was known. */
  learn(now_ms: number, counts: readonly Count[]): void {
    this.#advance(now_ms);
    this.#known.fill(0);
    this.#total = this.#untold_total;
    for (const { age, count } of counts) {
      if (age < 0 || age >= SLOTS) continue;
      const at = (this.#slot - age) % SLOTS;
      this.#known[at] = (this.#known[at] ?? 0) + count;
      this.#total += count;
    }
  }
}
