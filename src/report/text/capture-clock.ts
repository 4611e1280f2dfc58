// Times of a replay (nanoseconds since its first frame) as conntrack, kernel logs and people write them; cut, not rounded.
import type { Ascii } from './ascii.ts'

const DOT = 0x2e

/** Knows the epoch of the first frame. */
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

  /** Appends `1506945812.535132000`. */
  writeStamp(out: Ascii, time: number): void {
    out.decimal(this.secondsAt(time))
    out.byte(DOT)
    out.digits(this.fractionAt(time), 9)
  }

  /** Appends `1506945812.535132`, as `conntrack -E -o timestamp` prints it. */
  writeMicroStamp(out: Ascii, time: number): void {
    out.decimal(this.secondsAt(time))
    out.byte(DOT)
    out.digits((this.fractionAt(time) / 1000) | 0, 6)
  }

  private fractionAt(time: number): number {
    const total = this.nanoseconds + time
    return total - Math.floor(total / 1e9) * 1e9
  }
}

/** Seconds since the first frame, to the microsecond: `12.023655`. */
export function formatElapsed(time: number): string {
  const micros = Math.floor(Math.abs(time) / 1e3)
  const seconds = Math.floor(micros / 1e6)
  return `${time < 0 ? '-' : ''}${seconds}.${String(1e6 + micros - seconds * 1e6).slice(1)}`
}
