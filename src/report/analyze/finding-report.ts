// A finding as it stands in the report: sentences, commands, and the facts with addresses and instants as text.
import type { Facts, FlowFacts, FrameReference, Phrase, Value } from '../../findings/facts/facts.ts'
import type { Finding } from '../../findings/wording/finding.ts'
import { formatAddress } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
import type { Names } from '../../host/names/names.ts'
import { protocolName } from '../../net/numbers.ts'
import { formatTime } from '../text/format.ts'
import type {
  EndReport,
  FactsReport,
  FindingReport,
  FlowFactsReport,
  InstantReport,
  PhraseReport,
  ValueReport,
} from './finding-model.ts'
import type { CaptureReport } from './model.ts'
import { tsharkFrames } from './tshark.ts'

/** Comments of one finding that are reported. */
const MOST_COMMENTS = 3

/** What is known of a report's frames and addresses beside the replay. */
export interface Annotations {
  names: Names
  /** What a capture has written on a frame; `''` for nothing. */
  commentOn(frame: FrameReference): string
}

/** @param epoch nanoseconds since 1970 of the first frame; null where there was none */
export function findingReport(
  finding: Finding,
  captures: CaptureReport[],
  epoch: bigint | null,
  annotations: Annotations,
): FindingReport {
  const { facts, kernels, sysctls, ...said } = finding
  return {
    ...said,
    ...(kernels.length === 0 ? {} : { kernels }),
    ...namesOf(facts, annotations.names),
    ...commentsOf(finding, annotations),
    ...(sysctls.length === 0 ? {} : { sysctls }),
    tshark: tsharkFrames(captures, finding.frames),
    facts: factsReport(facts, epoch),
  }
}

function namesOf({ flows }: Facts, names: Names): Pick<FindingReport, 'names'> {
  if (names.isEmpty) return {}
  const found = new Map<string, string>()
  for (const { protocol, client, server, translated, answerer } of flows) {
    for (const end of [client, server, translated?.client, translated?.server, answerer]) {
      if (end === null || end === undefined) continue
      const address = formatAddress(end.family, end.words)
      const name = names.nameAt(protocol, address, end.port)
      if (name !== '' && !found.has(address)) found.set(address, name)
    }
  }
  return found.size === 0 ? {} : { names: [...found].map(([address, name]) => ({ address, name })) }
}

function commentsOf({ frames, steps }: Finding, { commentOn }: Annotations): Pick<FindingReport, 'comments'> {
  const found = new Map<string, FrameReference & { text: string }>()
  for (const frame of [...steps.flatMap(step => step.frames), ...frames]) {
    const text = commentOn(frame)
    if (text !== '' && !found.has(text)) found.set(text, { ...frame, text })
    if (found.size === MOST_COMMENTS) break
  }
  return found.size === 0 ? {} : { comments: [...found.values()] }
}

function factsReport(facts: Facts, epoch: bigint | null): FactsReport {
  return {
    flows: facts.flows.map(flowReport),
    reasons: facts.reasons.map(phraseReport),
    steps: facts.steps.map(phraseReport),
    first: instantReport(facts.firstTime, epoch),
    last: instantReport(facts.lastTime, epoch),
    values: valuesReport(facts.values),
    rules: facts.rules.map(({ place, name }) => ({ place, name })),
  }
}

function flowReport(flow: FlowFacts): FlowFactsReport {
  const { protocol, client, server, translated, untranslated, answerer, missing, counts, example, listedAs } =
    flow
  return {
    protocol: protocolName(protocol),
    protocolNumber: protocol,
    client: client === null ? null : endReport(client),
    server: endReport(server),
    translated:
      translated === null
        ? null
        : {
            client: translated.client === null ? null : endReport(translated.client),
            server: endReport(translated.server),
          },
    ...(untranslated === undefined
      ? {}
      : {
          untranslated: {
            source: endReport(untranslated.source),
            destination: endReport(untranslated.destination),
          },
        }),
    ...(answerer === undefined ? {} : { answerer: endReport(answerer) }),
    ...(missing === undefined ? {} : { missing }),
    ...(counts === undefined ? {} : { counts }),
    ...(example === undefined ? {} : { example: flowReport(example) }),
    ...(listedAs === undefined ? {} : { listedAs }),
  }
}

function phraseReport({ code, values }: Phrase): PhraseReport {
  return { code, values: valuesReport(values) }
}

function valuesReport(values: Phrase['values']): Record<string, ValueReport> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, valueReport(value)]))
}

function valueReport(value: Value): ValueReport {
  return typeof value === 'object' ? endReport(value) : value
}

function endReport({ family, words, port }: Endpoint): EndReport {
  return { address: formatAddress(family, words), port: port < 0 ? null : port }
}

function instantReport(time: number | null, epoch: bigint | null): InstantReport | null {
  if (time === null || epoch === null || !Number.isFinite(time)) return null
  const nanoseconds = epoch + BigInt(Math.round(time))
  return { time: formatTime(nanoseconds), nanoseconds: String(nanoseconds) }
}
