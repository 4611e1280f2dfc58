// What ctpcap's model says of a capture, as a Recording: the only file here that knows the engine.
import type { Frame, FrameSource } from '../../src/capture/frame.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { CAUSE_TIMEOUT, type Observer } from '../../src/conntrack/events.ts'
import type { BroadcastNetwork, HelperAssignment } from '../../src/conntrack/helper-assignment.ts'
import { CURRENT_KERNEL } from '../../src/conntrack/kernel.ts'
import { SCTP_STATE_NAMES } from '../../src/conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../../src/conntrack/proto/tcp-table.ts'
import { defaultSettings, isSysctlName } from '../../src/conntrack/settings.ts'
import {
  DIRECTION_NAMES,
  IPCT_PROTOINFO,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  STATE_NAMES,
  STATUS_EXPIRED,
} from '../../src/conntrack/status.ts'
import { formatIpv4, formatIpv6 } from '../../src/net/address.ts'
import { IPPROTO_SCTP, IPPROTO_TCP } from '../../src/net/numbers.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { FRAME_SKIPPED, FRAME_TRACKED, replay, type Witness } from '../../src/replay.ts'
import type { ConntrackEvent, Recording, Sysctls, TableEntry, Verdict } from './recording.ts'

/**
 * Replays a capture through the model.
 * @param end nanoseconds after the first frame at which the table is read
 * @param phase nanoseconds from a tick of the model's clock to the first frame
 * @param kernel whose conntrack it is
 * @param helpers that its rules assign
 * @param networks of the host itself
 * @param times when the frames really came, nanoseconds after the first; null for when the capture says
 */
export async function runModel(
  path: string,
  sysctls: Sysctls,
  end: number,
  phase = 0,
  kernel = CURRENT_KERNEL,
  times: readonly number[] | null = null,
  helpers: readonly HelperAssignment[] = [],
  networks: readonly BroadcastNetwork[] = [],
): Promise<Recording> {
  const settings = { ...defaultSettings(kernel), helpers, networks }
  for (const [name, value] of Object.entries(sysctls)) if (isSysctlName(name)) settings[name] = value
  const scribe = new Scribe()
  const engine = new Engine(settings, scribe)
  scribe.engine = engine
  const fragments = new Defragmenter({
    ipfrag_time: sysctls['net.ipv4.ipfrag_time'] ?? 30,
    nf_conntrack_frag6_timeout: settings.nf_conntrack_frag6_timeout,
    // as the recorder sets them: no unfinished datagram is given up for lack of memory
    ipfrag_high_thresh: 2 ** 30,
    nf_conntrack_frag6_high_thresh: 2 ** 30,
  })
  const source = await openCaptures([path])
  await replay(delayed(source, phase, times), [engine], fragments, scribe)
  await source.close()
  engine.advance(end + phase)
  return { ...scribe.recording, table: scribe.table(), end }
}

/** The source with every frame stamped `delay` nanoseconds later, after it got the time of `times` where there are such. */
function delayed(source: FrameSource, delay: number, times: readonly number[] | null): FrameSource {
  let read = 0
  const next = (): Frame | null => {
    const frame = source.next()
    if (frame !== null) frame.time = (times === null ? frame.time : times[read++]) + delay
    return frame
  }
  const { captures, interfaces, epoch } = source
  return { captures, interfaces, epoch, next, fill: () => source.fill(), close: () => source.close() }
}

/** Writes down what the engine says while it says it. */
class Scribe implements Observer, Witness {
  engine!: Engine
  readonly recording: Recording = {
    verdicts: [],
    timeouts: new Map(),
    events: [],
    table: [],
    end: 0,
    times: [],
    sysctls: {},
    latest: 0,
  }
  /** Entries that have expired and are still to be collected. */
  private readonly ended = new Set<number>()

  seen(packet: Packet, outcome: number): void {
    const { recording, engine } = this
    recording.times.push(packet.time)
    recording.verdicts.push(
      outcome === FRAME_TRACKED ? this.verdict(packet.protocol) : untrackedVerdict(outcome),
    )
    if (outcome === FRAME_TRACKED && engine.ct >= 0 && STATE_NAMES[engine.state] === 'established') {
      recording.timeouts.set(packet.frame, (engine.context.expires(engine.ct) * 1000) / engine.table.hz)
    }
  }

  private verdict(protocol: number): Verdict {
    const { engine } = this
    const has = (bit: number): string => (engine.direction < 0 ? '' : (engine.status & bit) !== 0 ? '1' : '0')
    return {
      state: STATE_NAMES[engine.state],
      direction: engine.direction < 0 ? '' : DIRECTION_NAMES[engine.direction],
      seenReply: has(IPS_SEEN_REPLY),
      assured: has(IPS_ASSURED),
      reason: engine.context.reasons.text(`nf_ct_proto_${protocol}: `).trim(),
    }
  }

  created(ct: number): void {
    this.note('NEW', ct, true)
  }

  updated(ct: number, events: number): void {
    this.note('UPDATE', ct, (events & IPCT_PROTOINFO) !== 0)
  }

  reclassified(): void {}

  /** As good as destroyed: nothing can find the entry any more, whenever it is collected. */
  expired(ct: number, time: number): void {
    this.noteEnd(ct).expired = time
    this.ended.add(ct)
  }

  destroyed(ct: number, cause: number): void {
    if (this.ended.delete(ct)) return
    const event = this.noteEnd(ct)
    if (cause === CAUSE_TIMEOUT) event.expired = Number.POSITIVE_INFINITY
  }

  private noteEnd(ct: number): ConntrackEvent {
    const event = this.note('DESTROY', ct, true)
    event.timeout = null
    event.counters = this.counters(ct)
    return event
  }

  private note(type: string, ct: number, withState: boolean): ConntrackEvent {
    const frame = this.recording.verdicts.length + 1
    const event: ConntrackEvent = { frame, type, ...this.entry(ct), counters: [] }
    if (!withState) event.state = ''
    this.recording.events.push(event)
    return event
  }

  private entry(ct: number): Omit<TableEntry, 'counters'> {
    const { table } = this.engine
    const protocol = table.protocol(ct)
    const names =
      protocol === IPPROTO_TCP ? TCP_STATE_NAMES : protocol === IPPROTO_SCTP ? SCTP_STATE_NAMES : null
    const bits = []
    if ((table.status(ct) & IPS_SEEN_REPLY) !== 0) bits.push('SEEN_REPLY')
    if ((table.status(ct) & IPS_ASSURED) !== 0) bits.push('ASSURED')
    return {
      protocol,
      original: this.tuple(ct * 2),
      reply: this.tuple(ct * 2 + 1),
      state: names === null ? '' : names[table.state(ct)],
      status: bits.join(','),
      timeout: this.left(ct),
    }
  }

  private tuple(key: number): string {
    const { table } = this.engine
    const ports = table.ports(key)
    const wide = table.isIpv6(key >> 1)
    const source = addressText(wide, index => table.sourceWord(key, index))
    const destination = addressText(wide, index => table.destinationWord(key, index))
    return `${source},${ports >>> 16},${destination},${ports & 0xffff}`
  }

  /** Packets and bytes of the original, packets and bytes of the reply direction. */
  private counters(ct: number): number[] {
    const { table } = this.engine
    return [0, 1].flatMap(direction => [table.packets(ct * 2 + direction), table.bytes(ct * 2 + direction)])
  }

  /** Whole seconds left of an entry's timeout. */
  private left(ct: number): number {
    return Math.floor(
      Math.max(0, (this.engine.table.timeout(ct) - this.engine.context.jiffies) | 0) / this.engine.table.hz,
    )
  }

  /** The entries alive now. */
  table(): TableEntry[] {
    const { table } = this.engine
    const entries: TableEntry[] = []
    for (let ct = 0; ct < table.top; ct++) {
      if ((table.status(ct) & (IPS_CONFIRMED | STATUS_EXPIRED)) !== IPS_CONFIRMED) continue
      entries.push({ ...this.entry(ct), counters: this.counters(ct) })
    }
    return entries
  }
}

function untrackedVerdict(outcome: number): Verdict {
  const state = outcome === FRAME_SKIPPED ? 'skipped' : 'frag'
  return { state, direction: '', seenReply: '', assured: '', reason: '' }
}

function addressText(wide: boolean, word: (index: number) => number): string {
  return wide ? formatIpv6(word(0), word(1), word(2), word(3)) : formatIpv4(word(0))
}
