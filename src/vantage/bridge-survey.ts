// What frames tell of a host's bridges without being tracked: packets switched inside one, and whether conntrack meets them.
import type { Frame } from '../capture/frame.ts'
import { LINKTYPE_ETHERNET } from '../net/numbers.ts'
import { decode } from '../packet/decode.ts'
import { Packet } from '../packet/packet.ts'
import { Bridging } from './bridging.ts'
import type { PointSource } from './points.ts'
import { SightingWindow } from './window.ts'

/** Nobody told, as far as frames alone are concerned. */
const BRIDGE_CALLS = { ipv4: null, ipv6: null }

export class BridgeSurvey {
  private readonly packet = new Packet()
  private readonly released = new Packet()
  private readonly source: PointSource
  /** Made for what may show a packet at several points: one interface of Ethernet sees nothing being switched. */
  private window: SightingWindow | null = null

  constructor(source: PointSource) {
    this.source = source
  }

  get bridging(): Bridging {
    return this.window?.bridging ?? new Bridging(BRIDGE_CALLS)
  }

  take(frame: Frame): void {
    if (this.window === null) {
      if (this.source.interfaces.length === 1 && frame.linkType === LINKTYPE_ETHERNET) return
      this.window = new SightingWindow(this.source, { bridgeCalls: BRIDGE_CALLS, keepsPayload: false })
    }
    const { window, packet } = this
    if (!decode(frame, packet) || window.passes(frame, packet)) return
    window.add(frame, packet)
    this.release(window)
  }

  /** No frame comes any more. */
  finish(): void {
    if (this.window === null) return
    this.window.finish()
    this.release(this.window)
  }

  private release(window: SightingWindow): void {
    while (window.next(this.released));
  }
}
