// A deterministic capture of any size: interleaved TCP connections, UDP questions and answers, and pings.
import { Random } from '../kernel/generate/random.ts'
import { type Endpoints, SyntheticFrames } from './synthetic-frames.ts'

export interface SyntheticOptions {
  /** Conversations in all. */
  conns: number
  /** Data segments of a TCP connection, from the client and the server in turn. */
  data: number
  /** Bytes of a server's data segment; a client's has at most 120. */
  payload: number
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

const FIN = 0x01
const SYN = 0x02
const PSH = 0x08
const ACK = 0x10

const CLIENT_NETWORK = 0x0a000001
const CLIENTS = 4_000_003
const SERVER_NETWORK = 0xc0a80001
const SERVERS = 500
const TCP_PORTS = [80, 443, 8080, 11211]
const LARGEST_REQUEST = 120
const UDP_PAYLOAD = 60
const PING_PAYLOAD = 56

interface Conversation {
  protocol: 'tcp' | 'udp' | 'ping'
  /** Packets sent so far. */
  step: number
  request: Endpoints
  reply: Endpoints
  /** Next sequence numbers of client and server. */
  client: number
  server: number
}

/** Writes the capture and returns how much there is of it. */
export function writeSyntheticCapture(
  path: string,
  given: Partial<SyntheticOptions>,
): { packets: number; seconds: number } {
  const options = { ...SYNTHETIC_DEFAULTS, ...given }
  const random = new Random(options.seed)
  const frames = new SyntheticFrames(path, 1e6 / options.pps, options.snaplen)
  const live: Conversation[] = []
  let begun = 0
  while (begun < options.conns || live.length > 0) {
    while (live.length < options.concurrent && begun < options.conns)
      live.push(begin(begun++, options.udp, random))
    const at = random.below(live.length)
    if (goOn(live[at], frames, options)) continue
    live[at] = live[live.length - 1]
    live.pop()
  }
  frames.close()
  return { packets: frames.packets, seconds: frames.seconds }
}

function begin(index: number, udpShare: number, random: Random): Conversation {
  const udp = random.chance(udpShare)
  const request = {
    source: CLIENT_NETWORK + (index % CLIENTS),
    destination: SERVER_NETWORK + random.below(SERVERS),
    sourcePort: random.between(1024, 65023),
    destinationPort: udp ? 53 : TCP_PORTS[index % TCP_PORTS.length],
  }
  return {
    protocol: !udp ? 'tcp' : random.chance(0.05) ? 'ping' : 'udp',
    step: 0,
    request,
    reply: {
      source: request.destination,
      destination: request.source,
      sourcePort: request.destinationPort,
      destinationPort: request.sourcePort,
    },
    client: random.word(),
    server: random.word(),
  }
}

/** Sends the next packet; returns whether there are more. */
function goOn(conversation: Conversation, frames: SyntheticFrames, options: SyntheticOptions): boolean {
  const step = conversation.step++
  const { protocol, request, reply } = conversation
  if (protocol === 'tcp') return goOnTcp(conversation, step, frames, options)
  const ends = step === 0 ? request : reply
  if (protocol === 'udp') frames.udp(ends, UDP_PAYLOAD)
  else frames.echo(ends, step === 0 ? 8 : 0, request.sourcePort, PING_PAYLOAD)
  return step === 0
}

function goOnTcp(
  talk: Conversation,
  step: number,
  frames: SyntheticFrames,
  options: SyntheticOptions,
): boolean {
  const end = 3 + options.data
  if (step === 0) fromClient(talk, frames, SYN, 0)
  else if (step === 1) fromServer(talk, frames, SYN | ACK, 0)
  else if (step === 2) fromClient(talk, frames, ACK, 0)
  else if (step === end) fromClient(talk, frames, FIN | ACK, 0)
  else if (step === end + 1) fromServer(talk, frames, FIN | ACK, 0)
  else if (step === end + 2) fromClient(talk, frames, ACK, 0)
  else if (step % 2 === 1) fromClient(talk, frames, PSH | ACK, Math.min(options.payload, LARGEST_REQUEST))
  else fromServer(talk, frames, PSH | ACK, options.payload)
  return step < end + 2
}

function fromClient(talk: Conversation, frames: SyntheticFrames, flags: number, payload: number): void {
  frames.tcp(talk.request, flags, talk.client, (flags & ACK) !== 0 ? talk.server : 0, payload)
  talk.client = (talk.client + payload + sequenceOf(flags)) | 0
}

function fromServer(talk: Conversation, frames: SyntheticFrames, flags: number, payload: number): void {
  frames.tcp(talk.reply, flags, talk.server, talk.client, payload)
  talk.server = (talk.server + payload + sequenceOf(flags)) | 0
}

/** What SYN and FIN take up in sequence space. */
function sequenceOf(flags: number): number {
  return (flags & (SYN | FIN)) !== 0 ? 1 : 0
}
