// `ctpcap explain`: a finding, a reason for INVALID, a sysctl in full; alone, what there is.
import {
  nameOfTopic,
  renderTopic,
  renderTopics,
  topicNames,
  topicsNamed,
} from '../../report/explain/explain-text.ts'
import { createStyle } from '../../report/text/style.ts'
import { type Io, writeText } from '../io/io.ts'
import { UsageError } from '../io/usage-error.ts'
import { nearestWithin } from '../options/nearest.ts'
import { wantsColor, widthOf } from '../options/options.ts'

/**
 * Prints what the words name, or without words what can be explained.
 * @param words of one name, which a shell may have split
 * @throws UsageError for what nothing is known of
 */
export async function printExplanation(
  words: readonly string[],
  flags: { color: boolean },
  io: Io,
): Promise<void> {
  const layout = { style: createStyle(wantsColor(io, flags.color)), width: widthOf(io) }
  if (words.length === 0) return await writeText(io.stdout, renderTopics(layout))
  const name = words.join(' ')
  const topics = topicsNamed(name)
  const [topic] = topics
  if (topic === undefined) throw new UsageError(`explain ${name}: ${unknown(name)}`)
  if (topics.length > 1) {
    const names = topics.map(each => `"${nameOfTopic(each)}"`).join(', ')
    throw new UsageError(`explain ${name}: a part of several, expected one of ${names}`)
  }
  await writeText(io.stdout, renderTopic(topic, layout))
}

function unknown(name: string): string {
  const near = nearestWithin(name, topicNames(), bare)
  return near === null
    ? 'no finding, no reason of conntrack and no sysctl; `ctpcap explain` lists all of them'
    : `no such finding, reason or sysctl; did you mean ${near}?`
}

/** Without what stands in front of every sysctl, and in small letters. */
function bare(name: string): string {
  return name.toLowerCase().replace(/^(net[./]netfilter[./])?(nf_conntrack_)?/, '')
}
