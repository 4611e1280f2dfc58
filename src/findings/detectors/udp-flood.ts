// udp-flood: very many datagrams a second, each of which makes an entry that nobody answers.

import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import type { Burst } from '../evidence/bursts.ts'
import { Collector } from '../facts/collector.ts'
import { type Confidence, type Facts, type FindingId, phrase, step } from '../facts/facts.ts'

/** Senders that no program has: so many that they are invented, or sent on command. */
const MANY = 64
/** From few senders so many a second are more than programs send that want no answer (logs, statistics). */
const FEW_LEAST = 1000

/**
 * Look-alikes, none of which is this:
 * - clients that are answered, however many (evidence/bursts.ts);
 * - one-way protocols (syslog, statsd, flow export): few senders, less than a thousand new ports a second;
 * - a host that asks very many peers from one port (DHT): less than a thousand a second.
 */
export function udpFloods(bursts: readonly Burst[]): Facts[] {
  return told(bursts, IPPROTO_UDP, 'udp-flood')
}

/** One source that sends SYNs to many; those to one destination are counted connection by connection (syn-flood.ts). */
export function synFloodsOfSources(bursts: readonly Burst[]): Facts[] {
  return told(
    bursts.filter(({ kind }) => kind === 'source'),
    IPPROTO_TCP,
    'syn-flood',
  )
}

function told(bursts: readonly Burst[], protocol: number, id: FindingId): Facts[] {
  const collector = new Collector()
  for (const burst of bursts) {
    const { kind, end, example, unanswered, answered, busiest, others, start, latest, point, frames } = burst
    if (burst.protocol !== protocol) continue
    const isOfMany = kind !== 'source' && others.size >= MANY
    if (!isOfMany && busiest < FEW_LEAST) continue
    const confidence: Confidence = isOfMany ? 'likely' : 'possible'
    const isSource = kind === 'source'
    collector.add({
      id,
      severity: 'warning',
      confidence,
      reason: phrase(`burst-${kind}`, {
        busiest,
        others: others.size,
        milliseconds: Math.round((latest - start) / 1e6),
      }),
      client: end,
      flow: {
        protocol,
        client: isSource ? end : null,
        server: isSource ? example : end,
        translated: null,
        counts: { flows: unanswered + answered, answered, completed: 0 },
      },
      point,
      time: start,
      steps: [step('first', frames)],
    })
  }
  return collector.conclude()
}
