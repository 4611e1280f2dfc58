// An engine that some packets pass by, untracked.
import { Engine } from '../conntrack/engine.ts'
import type { Observer } from '../conntrack/events.ts'
import type { Gate } from '../conntrack/gate.ts'
import type { Translation } from '../conntrack/nat.ts'
import type { Settings } from '../conntrack/settings.ts'
import { STATE_UNTRACKED } from '../conntrack/status.ts'
import type { Packet } from '../packet/packet.ts'

/** Leaves some packets untracked, as a rule in the raw table does. */
export class SparingEngine extends Engine {
  private readonly spares: (packet: Packet) => boolean

  constructor(
    spares: (packet: Packet) => boolean,
    settings: Settings,
    observer: Observer,
    enforced: boolean,
    gate: Gate | null,
  ) {
    super(settings, observer, enforced, gate)
    this.spares = spares
  }

  override track(packet: Packet, translation: Translation | null = null): number {
    if (!this.spares(packet)) return super.track(packet, translation)
    this.advance(packet.time)
    this.ct = -1
    this.direction = -1
    this.status = 0
    this.state = STATE_UNTRACKED
    return this.state
  }
}
