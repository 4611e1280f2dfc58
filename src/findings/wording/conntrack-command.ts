// Commands of conntrack-tools for entries of a finding: by their ends, so that no other entry is listed or deleted.
import type { Endpoint } from '../../host/knowledge.ts'
import type { Facts, FlowFacts } from '../facts/facts.ts'
import { addressText, protocolArgument } from './wording.ts'

/** What entries have in common. */
export interface EntryMatch {
  protocol: number
  /** Ends of the original direction, with their ports where they have any. */
  source?: Endpoint | null
  destination?: Endpoint | null
  /** The address that answers come from: of all flows to that backend. */
  replySource?: Endpoint | null
  /** The end that answers go to, with its port where it has one. */
  replyDestination?: Endpoint | null
}

/** Commands that one finding prints at most of a kind. */
const MOST_COMMANDS = 8

/** `conntrack -L -p udp --orig-src 10.0.0.5 --orig-port-src 4000 --reply-src 10.0.0.7`; the addresses tell the family. */
export function conntrack(
  action: '-L' | '-D',
  { protocol, source, destination, replySource, replyDestination }: EntryMatch,
): string {
  return [
    'conntrack',
    action,
    '-p',
    protocolArgument(protocol),
    ...end('orig', 'src', source),
    ...end('orig', 'dst', destination),
    ...(replySource ? ['--reply-src', addressText(replySource)] : []),
    ...end('reply', 'dst', replyDestination),
  ].join(' ')
}

/** A command for each flow that is named, each once. */
export function forEachFlow({ flows }: Facts, command: (flow: FlowFacts) => string): string[] {
  const commands = new Set<string>()
  for (const flow of flows) {
    commands.add(command(flow))
    if (commands.size === MOST_COMMANDS) break
  }
  return [...commands]
}

function end(tuple: 'orig' | 'reply', side: 'src' | 'dst', at: Endpoint | null | undefined): string[] {
  if (!at) return []
  const port = at.port < 0 ? [] : [`--${tuple}-port-${side}`, String(at.port)]
  return [`--${tuple}-${side}`, addressText(at), ...port]
}
