// A source of short TCP connections at a steady rate, made as it is read: any length of capture in no memory.
import { type CaptureFile, type CaptureInterface, Frame, type FrameSource } from '../../src/capture/frame.ts'
import { LINKTYPE_RAW } from '../../src/net/numbers.ts'

export interface ShortConnections {
  /** Connections a second. */
  rate: number
  /** Seconds for which connections are opened. */
  seconds: number
  /** Pairs of request and answer in each. */
  exchanges?: number
  /** Seconds between two packets of a connection. */
  pause?: number
}

const FIN = 0x01
const SYN = 0x02
const PSH = 0x08
const ACK = 0x10

const IPV4 = 20
const TCP = 20
/** Payload of a request or an answer. */
const PAYLOAD = 100
const LENGTH = IPV4 + TCP + PAYLOAD

const CLIENTS = 0x0a000000
const SERVER = 0xc0000264
const PORTS = 28232
const FIRST_PORT = 32768

const EPOCH = 1_700_000_000_000_000_000n

/** What a packet of a connection is; sequence numbers count from 1,000 (client) and 5,000 (server). */
interface Step {
  isReply: boolean
  flags: number
  sequence: number
  acknowledgment: number
  payload: number
}

/** The client opens, asks, is answered, and closes first: the connection ends in TIME_WAIT. */
function stepsOf(exchanges: number): Step[] {
  let client = 1000
  let server = 5000
  const steps: Step[] = []
  const send = (isReply: boolean, flags: number, payload = 0): void => {
    const [sequence, acknowledgment] = isReply ? [server, client] : [client, server]
    steps.push({
      isReply,
      flags,
      sequence,
      acknowledgment: (flags & ACK) === 0 ? 0 : acknowledgment,
      payload,
    })
    const length = payload + ((flags & (SYN | FIN)) === 0 ? 0 : 1)
    if (isReply) server += length
    else client += length
  }
  send(false, SYN)
  send(true, SYN | ACK)
  send(false, ACK)
  for (let i = 0; i < exchanges; i++) {
    send(false, PSH | ACK, PAYLOAD)
    send(true, PSH | ACK, PAYLOAD)
  }
  send(false, FIN | ACK)
  send(true, FIN | ACK)
  send(false, ACK)
  return steps
}

/** Connection `n` opens at `n / rate`; each of its packets comes `pause` after the one before. */
export class ShortConnectionSource implements FrameSource {
  readonly captures: CaptureFile[] = []
  readonly interfaces: CaptureInterface[] = []
  readonly epoch = EPOCH
  /** Nanoseconds from the first frame to the one handed out last. */
  end = 0
  frames = 0
  readonly connections: number

  private readonly steps: Step[]
  private readonly interval: number
  /** Intervals that lie between two packets of a connection. */
  private readonly lag: number
  private readonly frame = new Frame()
  private readonly bytes = new Uint8Array(LENGTH)
  private readonly view = new DataView(this.bytes.buffer)
  private tick = 0
  private step = 0

  constructor({ rate, seconds, exchanges = 0, pause = 0.001 }: ShortConnections) {
    this.steps = stepsOf(exchanges)
    this.connections = Math.round(rate * seconds)
    this.interval = 1e9 / rate
    this.lag = Math.max(Math.round(pause * rate), 1)
    this.frame.bytes = this.bytes
    this.frame.view = this.view
    this.frame.linkType = LINKTYPE_RAW
    this.bytes[0] = 0x45
    this.bytes[8] = 64
    this.bytes[9] = 6
  }

  /** At each tick one connection sends its first packet, an older one its second, and so on. */
  next(): Frame | null {
    const { steps, lag, connections } = this
    while (this.tick < connections + lag * (steps.length - 1)) {
      const { step, tick } = this
      const connection = tick - step * lag
      if (++this.step === steps.length) {
        this.step = 0
        this.tick++
      }
      if (connection >= 0 && connection < connections) return this.write(connection, step, tick)
    }
    return null
  }

  async fill(): Promise<boolean> {
    return false
  }

  async close(): Promise<void> {}

  private write(connection: number, number: number, tick: number): Frame {
    const { view, frame } = this
    const { isReply, flags, sequence, acknowledgment, payload } = this.steps[number]
    const client = CLIENTS + Math.floor(connection / PORTS)
    const port = FIRST_PORT + (connection % PORTS)
    const length = IPV4 + TCP + payload
    view.setUint16(2, length)
    view.setUint16(10, 0)
    view.setUint32(12, isReply ? SERVER : client)
    view.setUint32(16, isReply ? client : SERVER)
    view.setUint16(10, this.checksum())
    view.setUint16(IPV4, isReply ? 80 : port)
    view.setUint16(IPV4 + 2, isReply ? port : 80)
    view.setUint32(IPV4 + 4, sequence)
    view.setUint32(IPV4 + 8, acknowledgment)
    view.setUint8(IPV4 + 12, (TCP / 4) << 4)
    view.setUint8(IPV4 + 13, flags)
    view.setUint16(IPV4 + 14, 64240)
    frame.length = length
    frame.originalLength = length
    frame.number = ++this.frames
    this.end = Math.round(tick * this.interval)
    frame.time = this.end
    return frame
  }

  private checksum(): number {
    let sum = 0
    for (let at = 0; at < IPV4; at += 2) sum += this.view.getUint16(at)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    return ~sum & 0xffff
  }
}
