// An engine that some packets pass by, untracked; and which kind of engine a replay needs.
import { Engine } from '../../conntrack/engine.ts'
import type { Observer } from '../../conntrack/events.ts'
import type { Gate } from '../../conntrack/gate.ts'
import { KnownEngine } from '../../conntrack/known-engine.ts'
import type { Translation } from '../../conntrack/nat.ts'
import type { Passage } from '../../conntrack/passage.ts'
import { RuledEngine } from '../../conntrack/ruled-engine.ts'
import type { Settings } from '../../conntrack/settings.ts'
import { STATE_UNTRACKED } from '../../conntrack/status.ts'
import type { Packet } from '../../packet/packet.ts'

/** Leaves some packets untracked, as a rule in the raw table does. */
class SparingEngine extends KnownEngine {
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
    this.met = -1
    this.key = -1
    this.advance(packet.time)
    this.ct = -1
    this.direction = -1
    this.status = 0
    this.state = STATE_UNTRACKED
    return this.state
  }
}

/**
 * The engine for a replay.
 * @param gate told of refused packets; null where nf_conntrack_max is not enforced
 * @param untracked packets that are to pass it by, or null
 * @param hasTable whether entries will be loaded that were there before the capture
 * @param passage the rules around conntrack, which know of untracked packets, too; null for none
 */
export function engineFor(
  settings: Settings,
  observer: Observer,
  gate: Gate | null,
  untracked: ((packet: Packet) => boolean) | null,
  hasTable: boolean,
  passage: Passage | null = null,
): Engine {
  const enforced = gate !== null
  if (passage !== null) return new RuledEngine(passage, settings, observer, enforced, gate)
  if (untracked !== null) return new SparingEngine(untracked, settings, observer, enforced, gate)
  return hasTable
    ? new KnownEngine(settings, observer, enforced, gate)
    : new Engine(settings, observer, enforced, gate)
}
