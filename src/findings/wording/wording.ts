// What a finding is said with: each id has a file of its own that turns facts into sentences and commands.
import { formatEndpoint } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import { assignedProtocolName, protocolName } from '../../net/numbers.ts'
import type { Facts, FlowFacts, Value, Values } from '../facts/facts.ts'

/**
 * Where commands are to be typed:
 * - `host`: in the host, or the network namespace, whose interfaces were captured and whose files were given;
 * - `machine`: in its initial network namespace, because the value is one for all of them;
 * - `gateway`: on the host that translates these flows, which need not be the one that was captured;
 * - `client`, `server`: on the host, or in the pod, that has one end of the first flow.
 */
export type Role = 'host' | 'machine' | 'gateway' | 'client' | 'server'

export interface Place {
  role: Role
  /** An address of it, or one that packets are routed to it for; null where the role says it all. */
  address: string | null
}

/** What to do, or where to look: a sentence, and the lines to type, each complete. */
export interface Advice {
  text: string
  commands: string[]
  on: Place
}

export interface Wording {
  /** One line: what happened. */
  title(facts: Facts): string
  /** Whether the title has its own numbers; otherwise flows and tries are counted behind it. */
  countsItself?: boolean
  /** Why it happened. */
  cause(facts: Facts): string
  /** What to do about it, the best first. */
  fix(facts: Facts): Advice[]
  /** How to make sure of it on the host. */
  check(facts: Facts): Advice[]
  /** Why the confidence is what it is, by code. */
  reasons: Readonly<Record<string, (values: Values) => string>>
  /** What happened, by code. */
  steps: Readonly<Record<string, (values: Values) => string>>
}

/** The host that was captured. */
export const HOST: Place = { role: 'host', address: null }

/** What the values of the whole machine are set in. */
export const MACHINE: Place = { role: 'machine', address: null }

/** Advice for the host that was captured. */
export function advice(text: string, ...commands: string[]): Advice {
  return adviceFor(HOST, text, ...commands)
}

export function adviceFor(on: Place, text: string, ...commands: string[]): Advice {
  return { text, commands, on }
}

/** The host, or the pod, that has an end; where nobody saw it, by its role alone. */
export function placeOf(role: Role, end: Endpoint | null): Place {
  return { role, address: end === null ? null : addressText(end) }
}

export const NO_FIX: Advice[] = [advice('none needed')]

export function number(values: Values, name: string): number {
  const value = values[name]
  if (typeof value !== 'number') throw new Error(`no number ${name}`)
  return value
}

export function text(values: Values, name: string): string {
  const value = values[name]
  if (typeof value !== 'string') throw new Error(`no text ${name}`)
  return value
}

/** `10.0.0.1:80`, `[fd00::1]:80`; without a port the address alone. */
export function end(values: Values, name: string): string {
  const value = values[name]
  if (!isEndpoint(value)) throw new Error(`no end ${name}`)
  return endText(value)
}

export function endText({ family, words, port }: Endpoint): string {
  return formatEndpoint(family, words, port)
}

export function addressText({ family, words }: Endpoint): string {
  return formatEndpoint(family, words, -1)
}

/** Whether a value is an end of a flow. */
export function isEndpoint(value: Value | undefined): value is Endpoint {
  return typeof value === 'object'
}

/** Whether all flows of a finding are of IPv6. */
export function isIpv6({ flows }: Facts): boolean {
  return flows.length > 0 && flows.every(({ server }) => server.family === 6)
}

/** The command that writes rules for the flows of a finding. */
export function iptables(facts: Facts): string {
  return isIpv6(facts) ? 'ip6tables' : 'iptables'
}

/** `tcp`, `protocol 50`: in sentences. */
export function protocolText(protocol: number): string {
  const name = protocolName(protocol)
  return name === 'unknown' ? (assignedProtocolName(protocol) ?? `protocol ${protocol}`) : name
}

/** `tcp`, `50`: as commands take it. */
export function protocolArgument(protocol: number): string {
  const name = protocolName(protocol)
  return name === 'unknown' ? String(protocol) : name
}

/** Options of rules for what goes to an end: `-d 10.0.0.7 --dport 80`, behind `-p`. */
export function toEnd(at: Endpoint): string {
  return `-d ${addressText(at)}${at.port < 0 ? '' : ` --dport ${at.port}`}`
}

/** Options of rules for what comes from an end: `-s 10.0.0.7 --sport 80`, behind `-p`. */
export function fromEnd(at: Endpoint): string {
  return `-s ${addressText(at)}${at.port < 0 ? '' : ` --sport ${at.port}`}`
}

/** The first flow, which steps and commands are about. */
export function firstFlow({ flows }: Facts): FlowFacts | null {
  return flows[0] ?? null
}

/** Whom the first flow came to in the end. */
export function answererOf(facts: Facts): Endpoint | null {
  const flow = firstFlow(facts)
  return flow === null ? null : (flow.translated?.server ?? flow.server)
}

/** `1 entry`, `1,234 entries`. */
export function counted(count: number, noun: string, many = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : many}`
}

/** A count in a sentence: `1,234`. In a command a number stands as it is. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Seconds of so many milliseconds. */
export function seconds(milliseconds: number, digits: number): string {
  return (milliseconds / 1000).toFixed(digits)
}
