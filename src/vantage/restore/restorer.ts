// Packets as conntrack met them, where no frame shows them so: whatever concludes that, asked in its order.
import type { Frame } from '../../capture/frame.ts'
import { IPPROTO_IGMP, IPPROTO_TCP, TCP_ACK, TCP_SYN } from '../../net/numbers.ts'
import { type Packet, PROXY_NONE } from '../../packet/packet.ts'
import type { Intake } from '../record/intake.ts'
import { MET, ONE_SIDED, type Sightings } from '../record/sighting.ts'
import type { Stations } from '../record/stations.ts'
import { Handshakes } from './handshakes.ts'
import { LocalOutput } from './local-output.ts'
import { LoopbackRedirect } from './loopback-redirect.ts'
import { QuotedPackets } from './quoted-packets.ts'
import { Senders } from './senders.ts'
import type { SynProxies } from './syn-proxies.ts'

/** In the calm those of one client's port in sixteen tell: to look at all took 5 % of the time of short connections. */
const SAMPLED_PORTS = 15

export class Restorer {
  private readonly intake: Intake
  private readonly stations: Stations
  private readonly localOutput = new LocalOutput()
  private readonly redirects = new LoopbackRedirect()
  private readonly senders = new Senders()
  private readonly handshakes = new Handshakes(this.senders)
  private readonly quotes = new QuotedPackets()
  private readonly proxies: SynProxies

  /**
   * @param intake has read the frame that a packet is of
   * @param stations learn which are the host's
   * @param proxies take in frames as the intake reads them
   */
  constructor(intake: Intake, stations: Stations, proxies: SynProxies) {
    this.intake = intake
    this.stations = stations
    this.proxies = proxies
  }

  /** Whether packets have to wait for what others tell of them. */
  get isActive(): boolean {
    return this.redirects.isActive || this.handshakes.isActive
  }

  /** Whether there is any packet for which `awaits` may say yes. */
  get isAwaiting(): boolean {
    return this.handshakes.isAwaiting || this.proxies.isAwaiting
  }

  /** Whether a packet cannot go on before another one has come. */
  awaits(packet: Packet): boolean {
    return this.handshakes.awaits(packet) || (this.proxies.isAwaiting && this.proxies.awaits(packet))
  }

  /** Takes in a frame in the order of the capture, before the packet it shows is restored. */
  learn(frame: Frame, packet: Packet): void {
    if (this.intake.isLoopback) this.redirects.learn(packet)
    this.learnErrors(packet)
    this.senders.learn(packet, this.intake)
    this.handshakes.learn(packet, this.intake, frame.capture, false)
  }

  /** Takes in a frame whose packet is tracked at once; whether packets have to wait from now on. */
  learnInCalm(frame: Frame, packet: Packet): boolean {
    if (this.intake.isLoopback && this.redirects.isRedirected(packet)) return true
    if ((packet.tcpFlags & TCP_SYN) === 0 || packet.protocol !== IPPROTO_TCP) return false
    const clientPort = (packet.tcpFlags & TCP_ACK) === 0 ? packet.sourcePort : packet.destinationPort
    if ((clientPort & SAMPLED_PORTS) !== 0) return false
    this.handshakes.learn(packet, this.intake, frame.capture, true)
    return this.handshakes.isActive
  }

  /** Gives a packet the tuple that it had in front of the first hook, or has `sightings.meeting` say that nobody knows. */
  restore(packet: Packet, sightings: Sightings): void {
    packet.synproxy = PROXY_NONE
    if (this.proxies.isActive) this.proxies.judge(packet, sightings)
    if (sightings.meeting === MET && this.quotes.wasSeenOtherwise(packet)) sightings.meeting = ONE_SIDED
    const isTranslated = sightings.translated !== 0
    if (!isTranslated) {
      sightings.isRestored =
        this.localOutput.restore(packet, sightings) || this.redirects.restore(packet, sightings)
    }
    sightings.isRestored ||= this.handshakes.restore(packet, sightings)
    if (isTranslated && !sightings.isRestored) this.localOutput.learn(sightings)
  }

  /** Takes in what an ICMP error may quote; a report to routers about which one comes was sent by the host itself. */
  private learnErrors(packet: Packet): void {
    const quoted = this.quotes.quotedBy(packet)
    if (quoted === null) this.quotes.learn(packet)
    else if (quoted.protocol === IPPROTO_IGMP) this.stations.noteHost(this.intake.destinationMac)
  }
}
