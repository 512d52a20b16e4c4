import type { Clock } from "../../src/kit/clock.js";

/** Time that passes only when the test says so. */
export class ManualClock implements Clock {
  time = 1_800_000_000_000;
  jump = 0;
  private timers = new Set<{ at: number; act: () => void }>();

  now(): number {
    return this.time + this.jump;
  }

  monotonic(): number {
    return this.time - 1_800_000_000_000;
  }

  after(wait: number, act: () => void): () => void {
    const timer = { at: this.time + wait, act };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** The waits that have not ended, in milliseconds from now. */
  get waits(): number[] {
    return [...this.timers].map(({ at }) => at - this.time).sort((one, other) => one - other);
  }

  /** Let `milliseconds` pass; what becomes due runs in order, with everything that it sets off. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    for (;;) {
      await settled();
      const due = [...this.timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!due) break;
      this.timers.delete(due);
      this.time = Math.max(this.time, due.at);
      due.act();
    }
    this.time = end;
    await settled();
  }
}

/** Let all promises and callbacks that are ready run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
