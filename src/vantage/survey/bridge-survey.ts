// What frames tell of a host's bridges without being tracked: packets switched inside one, and whether conntrack meets them.
import type { Frame } from '../../capture/frame.ts'
import { LINKTYPE_ETHERNET } from '../../net/numbers.ts'
import { Packet } from '../../packet/packet.ts'
import { Bridging } from '../bridging.ts'
import type { PointSource } from '../record/points.ts'
import { Stations } from '../record/stations.ts'
import { SightingWindow, type WindowOptions } from '../window.ts'

export class BridgeSurvey {
  private readonly released = new Packet()
  private readonly source: PointSource
  private readonly bridgeCalls: WindowOptions['bridgeCalls']
  /** Made for what may show a packet at several points: one interface of Ethernet sees nothing being switched. */
  private window: SightingWindow | null = null

  /** @param bridgeCalls bridge-nf-call-iptables and -ip6tables of the host, null where nobody told */
  constructor(source: PointSource, bridgeCalls: WindowOptions['bridgeCalls']) {
    this.source = source
    this.bridgeCalls = bridgeCalls
  }

  get bridging(): Bridging {
    return this.window?.bridging ?? new Bridging(this.bridgeCalls, new Stations())
  }

  /** @param packet what `frame` was decoded into */
  take(frame: Frame, packet: Packet): void {
    if (this.window === null) {
      if (this.source.interfaces.length === 1 && frame.linkType === LINKTYPE_ETHERNET) return
      const { bridgeCalls } = this
      this.window = new SightingWindow(this.source, { bridgeCalls, keepsPayload: false })
    }
    const { window } = this
    if (window.passes(frame, packet)) return
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
