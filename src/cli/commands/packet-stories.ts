// The packets of findings looked at once more, in a second replay of the captures: who saw each, and what conntrack made of it.
import { stat } from 'node:fs/promises'
import type { FrameSource } from '../../capture/frame.ts'
import type { Engine } from '../../conntrack/engine.ts'
import { DIRECTION_REPLY, nameOfState, STATE_INVALID } from '../../conntrack/status.ts'
import type { FrameReference } from '../../findings/facts/facts.ts'
import { formatAddress } from '../../host/files/network.ts'
import {
  hasPorts,
  IPPROTO_TCP,
  PACKET_OUTGOING,
  protocolName,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '../../net/numbers.ts'
import { Defragmenter } from '../../packet/defrag/fragments.ts'
import { Packet } from '../../packet/packet.ts'
import { FRAME_QUEUED, FRAME_TRACKED, replay, type Witness } from '../../replay.ts'
import type { PacketStory, StorySighting } from '../../report/analyze/packet-story.ts'
import { stateName } from '../../report/conntrack/entry.ts'
import { Points, pointOfSide } from '../../vantage/record/points.ts'
import { MET, NOT_FOR_US, ONE_SIDED, type Sightings, SWITCHED } from '../../vantage/record/sighting.ts'
import type { Io } from '../io/io.ts'
import type { AnalyzeOptions } from '../options/options.ts'
import { oneTable } from '../replay/inner-replay.ts'
import { clockOffsets, correctionsOf, windowFor } from '../replay/sightings.ts'
import { fragmentSettings } from '../replay/sysctls.ts'
import { DEAF, loadTable, ruledEngine, withCaptures } from './line-replay.ts'

/** Bits of Frame.direction that say: on its way out. */
const OUTBOUND = 2

/**
 * The packets that any of `frames` shows, in their order.
 * @returns null where the captures cannot be read twice, because one is a pipe
 * @throws CaptureError, Interrupted
 */
export async function packetStories(
  options: AnalyzeOptions,
  frames: readonly FrameReference[],
  io: Io,
): Promise<PacketStory[] | null> {
  if (frames.length === 0) return []
  for (const path of options.captures) {
    if ((await stat(path).catch(() => null))?.isFile() !== true) return null
  }
  const { sysctls, knowledge, table } = options
  const tunnels = options.tunnels === 'inner' ? 'inner' : 'outer'
  const corrections = correctionsOf(await clockOffsets(options.captures, options.replay))
  return await withCaptures(
    options,
    io,
    async source => {
      const window = windowFor(source, sysctls, options.replay, options)
      const points = window?.points ?? new Points(source)
      points.interfaceNames = index => knowledge?.host?.byIndex(index)?.name ?? null
      const { engine } = ruledEngine({ sysctls, knowledge, table, tunnels }, DEAF, source, window)
      loadTable(engine, table)
      const teller = new StoryTeller(engine, source, points, frames)
      const settings = fragmentSettings(sysctls)
      const { engines, witness } = oneTable([engine], teller, tunnels, settings)
      await replay(source, engines, new Defragmenter(settings), witness, window)
      return teller.stories
    },
    { corrections },
  )
}

/** Keeps what is seen of the packets that are wanted, and of no other. */
class StoryTeller implements Witness {
  readonly stories: PacketStory[] = []
  private readonly engine: Engine
  private readonly points: Points
  private readonly wanted = new Set<string>()
  /** Stories by their frames, for sightings that come late. */
  private readonly byFrame = new Map<string, PacketStory>()
  private readonly seenPacket = new Packet()

  constructor(engine: Engine, _source: FrameSource, points: Points, frames: readonly FrameReference[]) {
    this.engine = engine
    this.points = points
    for (const { capture, frame } of frames) this.wanted.add(`${capture} ${frame}`)
  }

  seen(packet: Packet, outcome: number, sightings: Sightings | null): void {
    if (sightings === null) {
      if (this.wanted.has(`${packet.capture} ${packet.frame}`)) this.tell(packet, outcome)
    } else if (sightings.isLate) this.addLate(sightings)
    else if (this.isWanted(sightings)) this.tellSighted(packet, outcome, sightings)
  }

  private isWanted(sightings: Sightings): boolean {
    for (let i = 0; i < sightings.count; i++)
      if (this.wanted.has(`${sightings.capture(i)} ${sightings.frame(i)}`)) return true
    return false
  }

  private tell(packet: Packet, outcome: number): void {
    const point = this.points.name(this.points.of(packet.interface, packet.interfaceIndex))
    this.add(packet, outcome, [sightingOf(packet, packet.capture, packet.frame, point)], 0, {
      isOutgoing: packet.packetType === PACKET_OUTGOING,
      unmet: '',
    })
  }

  private tellSighted(packet: Packet, outcome: number, sightings: Sightings): void {
    const all = Array.from({ length: sightings.count }, (_, i) => this.sighted(sightings, i))
    const isOutgoing =
      sightings.packetType(0) === PACKET_OUTGOING || (sightings.direction(0) & OUTBOUND) === OUTBOUND
    this.add(packet, outcome, all, sightings.before, { isOutgoing, unmet: UNMET[sightings.meeting] ?? '' })
  }

  private addLate(sightings: Sightings): void {
    const story = this.byFrame.get(`${sightings.capture(0)} ${sightings.frame(0)}`)
    if (story !== undefined && story.sightings.length < MOST_SIGHTINGS)
      story.sightings.push(this.sighted(sightings, 1))
  }

  private sighted(sightings: Sightings, index: number): StorySighting {
    const { seenPacket } = this
    sightings.decode(index, seenPacket)
    const point = this.points.name(pointOfSide(sightings.point(index)))
    return sightingOf(seenPacket, sightings.capture(index), sightings.frame(index), point)
  }

  private add(
    packet: Packet,
    outcome: number,
    sightings: StorySighting[],
    before: number,
    { isOutgoing, unmet }: Pick<PacketStory, 'isOutgoing' | 'unmet'>,
  ): void {
    const { engine } = this
    const isTracked = outcome === FRAME_TRACKED && unmet === ''
    const story: PacketStory = {
      what: whatIs(packet),
      time: packet.time,
      sightings,
      before,
      isOutgoing,
      unmet:
        unmet !== '' || isTracked ? unmet : outcome === FRAME_QUEUED ? '' : 'no packet that it gets to see',
      verdict: isTracked ? this.verdict() : 'waits for the rest of its datagram',
      isReply: isTracked && engine.direction === DIRECTION_REPLY,
      isInvalid: isTracked && engine.state === STATE_INVALID,
    }
    this.stories.push(story)
    for (const { capture, frame } of sightings) this.byFrame.set(`${capture} ${frame}`, story)
  }

  /** `ESTABLISHED, SYN_RECV`: the packet's state, then that of its entry; with what conntrack complained of. */
  private verdict(): string {
    const { engine } = this
    const { ct, state, table, context } = engine
    const name = nameOfState(state).toUpperCase()
    const entry = ct < 0 ? '' : stateName(table, ct)
    const complaint = context.reasons.count === 0 ? '' : context.reasons.text().trim()
    return `${name}${entry === '' ? '' : `, entry ${entry}`}${complaint === '' ? '' : `: ${complaint}`}`
  }
}

const MOST_SIGHTINGS = 16

const UNMET: Readonly<Record<number, string>> = {
  [MET]: '',
  [SWITCHED]: 'switched inside a bridge',
  [NOT_FOR_US]: 'to routers, not for this host',
  [ONE_SIDED]: 'the capture does not tell what conntrack made of it',
}

function sightingOf(packet: Packet, capture: number, frame: number, point: string): StorySighting {
  const {
    family,
    source0,
    source1,
    source2,
    source3,
    destination0,
    destination1,
    destination2,
    destination3,
  } = packet
  const at = (port: number): number | null => (packet.hasTuple && hasPorts(packet.protocol) ? port : null)
  const of = family === 6 ? 6 : 4
  const source = Int32Array.of(source0, source1, source2, source3)
  const destination = Int32Array.of(destination0, destination1, destination2, destination3)
  return {
    capture,
    frame,
    point,
    source: { address: formatAddress(of, source), port: at(packet.sourcePort) },
    destination: { address: formatAddress(of, destination), port: at(packet.destinationPort) },
  }
}

/** `SYN-ACK`, `RST`, `data`; of other protocols their name. */
function whatIs({ protocol, hasTuple, tcpFlags, transportLength, tcpHeaderLength }: Packet): string {
  if (protocol !== IPPROTO_TCP || !hasTuple) {
    const name = protocolName(protocol)
    return name === 'unknown' ? `protocol ${protocol}` : name.toUpperCase()
  }
  const isAck = (tcpFlags & TCP_ACK) !== 0
  if ((tcpFlags & TCP_RST) !== 0) return isAck ? 'RST-ACK' : 'RST'
  if ((tcpFlags & TCP_SYN) !== 0) return isAck ? 'SYN-ACK' : 'SYN'
  if ((tcpFlags & TCP_FIN) !== 0) return 'FIN'
  return transportLength > tcpHeaderLength ? 'data' : 'ACK'
}
