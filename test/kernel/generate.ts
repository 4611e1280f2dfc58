// Random captures of many interleaved conversations; a seed, a profile and a number of packets give the same capture always.
import { parseArgs } from 'node:util'
import { type CapturedFrame, type CaptureRecords, writeCapture } from './capture-file.ts'
import { Conversation } from './generate/conversation.ts'
import { talkDccp } from './generate/dccp.ts'
import { talkFragments } from './generate/fragments.ts'
import { talkGeneric, talkGre } from './generate/gre.ts'
import { talkIcmp } from './generate/icmp.ts'
import { talkIcmpError } from './generate/icmp-error.ts'
import { Random } from './generate/random.ts'
import { talkSctp } from './generate/sctp.ts'
import { talkTcp } from './generate/tcp.ts'
import { talkUdp, UDP, UDP_LITE } from './generate/udp.ts'
import { type Profile, profileNamed } from './profile.ts'

export interface GenerateOptions {
  seed: number
  packets: number
  profile: Profile
  /** Kinds of conversation to make, by their names in TALKS; all of them when left out. */
  only?: readonly string[]
}

type Talk = (conversation: Conversation) => void

const TALKS: readonly (readonly [weight: number, name: string, talk: Talk])[] = [
  [50, 'tcp', talkTcp],
  [9, 'udp', c => talkUdp(c, UDP)],
  [4, 'udplite', c => talkUdp(c, UDP_LITE)],
  [6, 'icmp', talkIcmp],
  [9, 'icmp-error', talkIcmpError],
  [16, 'sctp', talkSctp],
  [4, 'dccp', talkDccp],
  [4, 'gre', talkGre],
  [3, 'generic', talkGeneric],
  [8, 'fragments', talkFragments],
]

/** Packets a second that a recording keeps up with. */
const RATE = 25000
const LINKTYPE_ETHERNET = 1
const LINKTYPE_RAW = 101
const EPOCH = 1_700_000_000

/** Makes a capture of at least `packets` packets, in time order: Ethernet for odd seeds, raw IP for even ones. */
export function generateCapture({ seed, packets, profile, only }: GenerateOptions): CaptureRecords {
  const random = new Random(seed)
  const talks = TALKS.filter(([, name]) => only === undefined || only.includes(name)).map(
    ([weight, , talk]) => [weight, talk] as const,
  )
  const span = Math.max(0.2, packets / RATE) * 1e9
  const frames: CapturedFrame[] = []
  for (let index = 1; frames.length < packets; index++) {
    const conversation = new Conversation(random, index, profile.pauses)
    random.weighted(talks)(conversation)
    const start = random.below(span)
    for (const { time, bytes } of conversation.packets) frames.push({ time: start + time, bytes })
  }
  frames.sort((a, b) => a.time - b.time)
  const ethernet = (seed & 1) === 1
  if (ethernet) for (const frame of frames) frame.bytes = inEthernet(frame.bytes, random)
  return { linkType: ethernet ? LINKTYPE_ETHERNET : LINKTYPE_RAW, epoch: EPOCH, frames }
}

/** With its header, the padding of short frames, and sometimes a VLAN tag. */
function inEthernet(packet: Uint8Array, random: Random): Uint8Array {
  const tag = random.chance(0.02) ? 4 : 0
  const frame = new Uint8Array(Math.max(60, 14 + tag + packet.length))
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1])
  if (tag > 0) frame.set([0x81, 0, 0, 7], 12)
  frame.set(packet[0] >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00], 12 + tag)
  frame.set(packet, 14 + tag)
  return frame
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      packets: { type: 'string', default: '10000' },
      profile: { type: 'string', default: 'default' },
      only: { type: 'string', multiple: true },
    },
    allowPositionals: true,
  })
  if (positionals.length !== 1)
    throw new Error('generate.ts [--seed N] [--packets N] [--profile NAME] [--only KIND] FILE')
  const capture = generateCapture({
    seed: Number(values.seed),
    packets: Number(values.packets),
    profile: profileNamed(values.profile),
    ...(values.only && { only: values.only }),
  })
  writeCapture(positionals[0], capture)
  console.log(`${positionals[0]}: ${capture.frames.length} packets`)
}
