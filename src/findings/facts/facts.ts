// What a detector returns: a conclusion as addresses, numbers, codes and frames, without a word of it said.

import type { Endpoint } from '../../host/knowledge.ts'

export const SEVERITIES = ['error', 'warning', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

export const CONFIDENCES = ['possible', 'likely', 'certain'] as const
export type Confidence = (typeof CONFIDENCES)[number]

/** All findings, by their stable names. */
export const FINDING_IDS = [
  'table-file-contradicted',
  'conntrack-table-full',
  'conntrack-early-drop',
  'snat-port-pressure',
  'asymmetric-same-bridge-return',
  'dsr-untranslated-reply',
  'two-answerers',
  'wrong-source-answer',
  'dsr-invalid-drop',
  'hairpin-no-masquerade',
  'hairpin-mode-off',
  'invalid-leak',
  'invalid-leak-private-source',
  'invalid-reset',
  'idle-timeout-inbound',
  'idle-timeout-untranslated-reply',
  'idle-timeout-remapped',
  'entry-missing',
  'sack-not-translated',
  'snat-insert-race',
  'syn-flood',
  'udp-flood',
  'dns-race',
  'port-reuse',
  'foreign-challenge-ack',
  'idle-gap',
  'tcp-timestamps-nat',
  'recycled-address',
  'vxlan-checksum',
  'stale-mapping',
  'entry-older-than-rule',
  'stale-source-mapping',
  'reply-other-interface',
  'lost-in-host',
  'partial-notrack',
  'pmtu-blackhole',
  'sctp-path-without-entry',
  'private-destination-leak',
  'untranslated-source',
  'loopback-source',
  'lan-reflection',
  'missing-helper',
  'unacknowledged-data',
  'unfinished-handshake',
  'one-way-flow',
  'multicast-answer',
  'offload-checksum',
  'mid-stream-pickup',
] as const
export type FindingId = (typeof FINDING_IDS)[number]

/** A frame of a capture: `frame` is Wireshark's frame.number in capture number `capture`. */
export interface FrameReference {
  capture: number
  frame: number
}

/** Numbers are integers in the unit that their name says; addresses have a port of -1 where there is none. */
export type Value = number | string | boolean | Endpoint

export type Values = Readonly<Record<string, Value>>

/** What is to be said, by a code of the finding, and what belongs into the sentence. */
export interface Phrase {
  code: string
  values: Values
}

/** One thing that happened, and the frames that show it: the first few, each point's. */
export interface Step extends Phrase {
  frames: FrameReference[]
}

/** A flow: as its client meant it, and what became of it. */
export interface FlowFacts {
  protocol: number
  /** Who opened it; null for many. */
  client: Endpoint | null
  /** Whom it asked. */
  server: Endpoint
  /** Both behind the translation; null where none was seen. */
  translated: { client: Endpoint | null; server: Endpoint } | null
  /** Ends of packets of it that passed without the translation. */
  untranslated?: { source: Endpoint; destination: Endpoint }
  /** Who answered, where that is another end than was asked, and no translation. */
  answerer?: Endpoint
  /** Which direction was not seen at all. */
  missing?: 'answers' | 'requests'
  /** Of many flows to one server: how many there were, and how far they came. */
  counts?: { flows: number; answered: number; completed: number }
  /** One flow of many that go the same way. */
  example?: FlowFacts
  /** The state that a listing has it in. */
  listedAs?: string
}

/** A rule of the host that matters: its place in its file, the name it goes by, its text. */
export interface RuleFacts {
  place: string
  name: string
}

export interface Facts {
  id: FindingId
  severity: Severity
  confidence: Confidence
  /** Why the confidence is what it is: by the packets first, then by what was given of the host. */
  reasons: Phrase[]
  /** The flows concerned, the first few; and how many there are. */
  flows: FlowFacts[]
  flowCount: number
  /** How often it happened: tries of all its flows. */
  occurrences: number
  /** Nanoseconds since the first frame of all; null where only a count was kept. */
  firstTime: number | null
  lastTime: number | null
  /** The frames that prove it; the first few. */
  frames: FrameReference[]
  /** How many frames that are, those that are not named included; absent where all are. */
  frameCount?: number
  /** What happened in order, on the flow named first. */
  steps: Step[]
  /** The observation points that show it, by number. */
  points: number[]
  /** Numbers and names of the finding as a whole. */
  values: Values
  /** Rules that confirm it, that matter for it. */
  rules: RuleFacts[]
  /** The packets leave it open: to be told only where what was given of the host decides. */
  isOpen: boolean
}

export function phrase(code: string, values: Values = {}): Phrase {
  return { code, values }
}

export function step(code: string, frames: readonly FrameReference[], values: Values = {}): Step {
  return { code, values, frames: [...frames] }
}

/** Whether `severity` is at least as grave as `threshold`. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold)
}

export function isSurer(one: Confidence, other: Confidence): boolean {
  return CONFIDENCES.indexOf(one) > CONFIDENCES.indexOf(other)
}
