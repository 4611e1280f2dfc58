// Sound conversations packet by packet: a TCP connection from SYN to the last ACK, a UDP question and its answer, a ping.
import type { Random } from '../kernel/generate/random.ts'
import type { Endpoints, PacketSink } from './synthetic-frames.ts'

export interface Conversation {
  protocol: 'tcp' | 'udp' | 'ping'
  /** Packets sent so far. */
  step: number
  request: Endpoints
  reply: Endpoints
  /** Next sequence numbers of client and server. */
  client: number
  server: number
}

export interface ConversationSize {
  /** Data segments of a TCP connection, from the client and the server in turn. */
  data: number
  /** Bytes of a server's data segment; a client's has at most 120. */
  payload: number
}

const FIN = 0x01
const SYN = 0x02
const PSH = 0x08
const ACK = 0x10

const LARGEST_REQUEST = 120
const UDP_PAYLOAD = 60
const PING_PAYLOAD = 56

/** A conversation of which nothing was sent yet. */
export function newConversation(
  protocol: Conversation['protocol'],
  request: Endpoints,
  random: Random,
): Conversation {
  return {
    protocol,
    step: 0,
    request,
    reply: reversed(request),
    client: random.word(),
    server: random.word(),
  }
}

export function reversed(ends: Endpoints): Endpoints {
  return {
    source: ends.destination,
    destination: ends.source,
    sourcePort: ends.destinationPort,
    destinationPort: ends.sourcePort,
  }
}

/** Packets of a whole conversation. */
export function conversationLength(protocol: Conversation['protocol'], { data }: ConversationSize): number {
  return protocol === 'tcp' ? data + 6 : 2
}

/** Sends the next packet; returns whether there are more. */
export function goOn(conversation: Conversation, sink: PacketSink, size: ConversationSize): boolean {
  const step = conversation.step++
  const { protocol, request, reply } = conversation
  if (protocol === 'tcp') return goOnTcp(conversation, step, sink, size)
  const ends = step === 0 ? request : reply
  if (protocol === 'udp') sink.udp(ends, UDP_PAYLOAD)
  else sink.echo(ends, step === 0 ? 8 : 0, request.sourcePort, PING_PAYLOAD)
  return step === 0
}

function goOnTcp(talk: Conversation, step: number, sink: PacketSink, size: ConversationSize): boolean {
  const end = 3 + size.data
  if (step === 0) fromClient(talk, sink, SYN, 0)
  else if (step === 1) fromServer(talk, sink, SYN | ACK, 0)
  else if (step === 2) fromClient(talk, sink, ACK, 0)
  else if (step === end) fromClient(talk, sink, FIN | ACK, 0)
  else if (step === end + 1) fromServer(talk, sink, FIN | ACK, 0)
  else if (step === end + 2) fromClient(talk, sink, ACK, 0)
  else if (step % 2 === 1) fromClient(talk, sink, PSH | ACK, Math.min(size.payload, LARGEST_REQUEST))
  else fromServer(talk, sink, PSH | ACK, size.payload)
  return step < end + 2
}

function fromClient(talk: Conversation, sink: PacketSink, flags: number, payload: number): void {
  sink.tcp(talk.request, flags, talk.client, (flags & ACK) !== 0 ? talk.server : 0, payload)
  talk.client = (talk.client + payload + sequenceOf(flags)) | 0
}

function fromServer(talk: Conversation, sink: PacketSink, flags: number, payload: number): void {
  sink.tcp(talk.reply, flags, talk.server, talk.client, payload)
  talk.server = (talk.server + payload + sequenceOf(flags)) | 0
}

/** What SYN and FIN take up in sequence space. */
function sequenceOf(flags: number): number {
  return (flags & (SYN | FIN)) !== 0 ? 1 : 0
}
