// A flow as one line: as its client meant it, and what became of it.
import type { Endpoint } from '../../host/knowledge.ts'
import type { FlowFacts } from '../facts/facts.ts'
import { endText, protocolText } from './wording.ts'

/** `tcp 10.0.0.5:40001 -> 10.96.0.1:80, translated to 10.0.0.7:8080` */
export function flowText(flow: FlowFacts): string {
  const { protocol, client, server, untranslated, answerer, missing, counts, example, listedAs } = flow
  const who = client === null ? `${counts?.flows ?? 'many'} flows` : endText(client)
  const parts = [`${protocolText(protocol)} ${who} -> ${endText(server)}${translation(flow)}`]
  if (untranslated !== undefined)
    parts.push(`untranslated ${endText(untranslated.source)} -> ${endText(untranslated.destination)}`)
  if (answerer !== undefined) parts.push(`answered from ${endText(answerer)}`)
  if (missing !== undefined) parts.push(`${missing} missing`)
  if (counts !== undefined) parts.push(`${counts.answered} answered`, `${counts.completed} completed`)
  if (example !== undefined) parts.push(`like ${flowText(example)}`)
  if (listedAs !== undefined) parts.push(`listed as ${listedAs}`)
  return parts.join(', ')
}

function translation({ client, server, translated }: FlowFacts): string {
  if (translated === null) return ''
  const to = endText(translated.server)
  if (client !== null && translated.client !== null && !isSame(client, translated.client))
    return `, translated to ${endText(translated.client)} -> ${to}`
  return isSame(server, translated.server) ? '' : `, translated to ${to}`
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return endText(a) === endText(b)
}
