// A deterministic capture of any size: interleaved TCP connections, UDP questions and answers, and pings.
import { closeSync, openSync, writeSync } from 'node:fs'
import { Random } from '../kernel/generate/random.ts'
import { type Conversation, type ConversationSize, goOn, newConversation } from './conversation.ts'
import { SyntheticFrames } from './synthetic-frames.ts'

export interface SyntheticOptions extends ConversationSize {
  /** Conversations in all. */
  conns: number
  /** Conversations under way at a time. */
  concurrent: number
  /** Packets a second of capture time. */
  pps: number
  /** Share of conversations that are UDP; one of twenty of those is a ping. */
  udp: number
  snaplen: number
  seed: number
}

export const SYNTHETIC_DEFAULTS: SyntheticOptions = {
  conns: 10_000,
  data: 6,
  payload: 200,
  concurrent: 1_000,
  pps: 100_000,
  udp: 0.2,
  snaplen: 65535,
  seed: 1,
}

const EPOCH = 1_700_000_000
const CLIENT_NETWORK = 0x0a000001
const CLIENTS = 4_000_003
const SERVER_NETWORK = 0xc0a80001
const SERVERS = 500
const TCP_PORTS = [80, 443, 8080, 11211]

/** Writes the capture and returns how much there is of it. */
export function writeSyntheticCapture(
  path: string,
  given: Partial<SyntheticOptions>,
): { packets: number; seconds: number } {
  const options = { ...SYNTHETIC_DEFAULTS, ...given }
  const file = openSync(path, 'w')
  try {
    const frames = new SyntheticFrames(options.snaplen)
    for (const chunk of synthesize(frames, options)) writeSync(file, chunk)
    return { packets: frames.packets, seconds: frames.packets / options.pps }
  } finally {
    closeSync(file)
  }
}

function* synthesize(frames: SyntheticFrames, options: SyntheticOptions): Generator<Uint8Array> {
  const random = new Random(options.seed)
  const interval = 1e6 / options.pps
  const live: Conversation[] = []
  let begun = 0
  while (begun < options.conns || live.length > 0) {
    while (live.length < options.concurrent && begun < options.conns)
      live.push(begin(begun++, options.udp, random))
    frames.time = EPOCH * 1e6 + Math.floor(frames.packets * interval)
    frames.identification = frames.packets
    const at = random.below(live.length)
    if (!goOn(live[at], frames, options)) {
      live[at] = live[live.length - 1]
      live.pop()
    }
    if (frames.isFull) yield frames.take()
  }
  yield frames.take()
}

function begin(index: number, udpShare: number, random: Random): Conversation {
  const udp = random.chance(udpShare)
  const request = {
    source: CLIENT_NETWORK + (index % CLIENTS),
    destination: SERVER_NETWORK + random.below(SERVERS),
    sourcePort: random.between(1024, 65023),
    destinationPort: udp ? 53 : TCP_PORTS[index % TCP_PORTS.length],
  }
  return newConversation(!udp ? 'tcp' : random.chance(0.05) ? 'ping' : 'udp', request, random)
}
