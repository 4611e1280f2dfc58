// Times of a replay (nanoseconds since its first frame) as the texts that conntrack, kernel logs and people use.

/** Knows the epoch of the first frame; all its texts are cut, not rounded, as the kernel's and conntrack's are. */
export class CaptureClock {
  private readonly seconds: number
  private readonly nanoseconds: number

  /** @param epoch nanoseconds since 1970 of time 0 */
  constructor(epoch: bigint) {
    const nanoseconds = ((epoch % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    this.nanoseconds = Number(nanoseconds)
    this.seconds = Number((epoch - nanoseconds) / 1_000_000_000n)
  }

  /** Whole seconds since 1970. */
  secondsAt(time: number): number {
    return this.seconds + Math.floor((this.nanoseconds + time) / 1e9)
  }

  /** `1506945812.535132000` */
  stamp(time: number): string {
    const total = this.nanoseconds + time
    const seconds = Math.floor(total / 1e9)
    return `${this.seconds + seconds}.${digits(total - seconds * 1e9)}`
  }

  /** `1506945812.535132`, as `conntrack -E -o timestamp` prints it. */
  microStamp(time: number): string {
    return this.stamp(time).slice(0, -3)
  }
}

/** Seconds since the first frame, to the microsecond: `12.023655`. */
export function formatElapsed(time: number): string {
  const micros = Math.floor(Math.abs(time) / 1e3)
  const seconds = Math.floor(micros / 1e6)
  return `${time < 0 ? '-' : ''}${seconds}.${String(1e6 + micros - seconds * 1e6).slice(1)}`
}

/** Nine digits. */
function digits(nanoseconds: number): string {
  return String(1e9 + nanoseconds).slice(1)
}
