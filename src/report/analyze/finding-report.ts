// A finding as it stands in the report: sentences, commands, and the facts with addresses and instants as text.
import type { Facts, FlowFacts, Phrase, Value } from '../../findings/facts/facts.ts'
import type { Finding } from '../../findings/wording/finding.ts'
import { formatAddress } from '../../host/files/network.ts'
import type { Endpoint } from '../../host/knowledge.ts'
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

/** @param epoch nanoseconds since 1970 of the first frame; null where there was none */
export function findingReport(
  finding: Finding,
  captures: CaptureReport[],
  epoch: bigint | null,
): FindingReport {
  const { facts, kernels, sysctls, ...said } = finding
  return {
    ...said,
    ...(kernels.length === 0 ? {} : { kernels }),
    ...(sysctls.length === 0 ? {} : { sysctls }),
    tshark: tsharkFrames(captures, finding.frames),
    facts: factsReport(facts, epoch),
  }
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
