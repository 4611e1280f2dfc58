// A finding as a block of the first screen: what happened to whom and when, why, what to do, where to look.
import type { Severity } from '../../findings/facts/facts.ts'
import { type Advice, advice } from '../../findings/wording/wording.ts'
import { commandLines } from '../text/command.ts'
import { formatCount, plural, printable } from '../text/format.ts'
import type { Page } from '../text/page.ts'
import { SECTION_MARGIN, titled } from '../text/sections.ts'
import type { Style } from '../text/style.ts'
import { instantOf } from '../text/wall-clock.ts'
import { labelled, wrap } from '../text/wrap.ts'
import { frameNames } from './capture-section.ts'
import { allFrames } from './display-filter.ts'
import type { FindingReport } from './finding-model.ts'
import type { CaptureReport, Report } from './model.ts'
import { tsharkCommands } from './tshark.ts'

/** Flows of a finding that are named, frames of a step. */
const NAMED_FLOWS = 3
const NAMED_FRAMES = 5
/** Characters of a command from which on a shorter one that finds more is better. */
const LONG = 240
/** What commands are behind. */
const COMMAND_INDENT = ' '.repeat(SECTION_MARGIN + 2)

/** @param inside of which kind of tunnel it was found, or `''` */
export function findingBlock(
  finding: FindingReport,
  { captures }: Pick<Report, 'captures'>,
  page: Page,
  inside = '',
): string[] {
  const { width, style } = page
  const paint = severityStyle(finding.severity, style)
  const place = inside === '' ? '' : `, inside of ${printable(inside)}`
  const heading = `${style.bold(printable(finding.title))} (${finding.confidence}${place})`
  return [
    ...titled(
      finding.severity.toUpperCase(),
      [...wrap([heading], width - SECTION_MARGIN), ...flowLines(finding, width - SECTION_MARGIN)],
      paint,
    ),
    ...labelled(label('when'), whenText(finding, captures, page), width),
    ...labelled(label('why'), printable(causeText(finding)), width),
    ...kernelLines(finding, captures, width),
    ...adviceLines('fix', remediesOf(finding), page),
    ...adviceLines('check', finding.check, page),
    ...lookLines(finding, captures, page),
    ...moreLines(finding, width),
  ]
}

/** What other kernels make of it, with the frames that they judge otherwise. */
function kernelLines({ kernels = [] }: FindingReport, captures: CaptureReport[], width: number): string[] {
  return kernels.flatMap(({ text, frames }) => {
    const where = frames.length === 0 ? '' : ` (${frameNames(frames, captures)})`
    return labelled(label('kernels'), `${text}${where}`, width)
  })
}

/** What is wrong; where another host does it, that host's finding tells. */
export function causeText({ cause, causedBy }: FindingReport): string {
  if (causedBy === undefined) return cause
  return `${causedBy.id} on ${causedBy.host}, of which this is what it looks like here`
}

/** What to do about it, on this host or on the one that does it. */
export function remediesOf({ fix, causedBy }: FindingReport): readonly Advice[] {
  return causedBy === undefined ? fix : [advice(`on ${causedBy.host}, as told there`)]
}

/** A finding that is worth knowing and no fault: what, to whom, when, and the frames. */
export function infoBlock(
  finding: FindingReport,
  { captures }: Pick<Report, 'captures'>,
  page: Page,
): string[] {
  const { width, style } = page
  const heading = `${printable(finding.title)} (${finding.confidence})`
  const frames = framesText(finding, captures)
  return [
    ...titled(
      'INFO',
      [...wrap([heading], width - SECTION_MARGIN), ...flowLines(finding, width - SECTION_MARGIN)],
      severityStyle('info', style),
    ),
    ...labelled(label('when'), whenText(finding, captures, page), width),
    ...(frames === '' ? [] : labelled(label('look'), frames, width)),
    ...moreLines(finding, width),
  ]
}

function moreLines({ id }: FindingReport, width: number): string[] {
  return labelled(label('more'), `ctpcap explain ${id}`, width)
}

/** How sure it is and why, and what happened in order: for who wants to judge for himself. */
export function evidenceLines(finding: FindingReport, { captures }: Report, width: number): string[] {
  const { id, confidence, reason, points, steps } = finding
  const seen = points.length === 0 ? '' : `; seen at ${points.map(printable).join(', ')}`
  return wrap(
    [
      `${id} is ${confidence}: ${printable(reason)}${seen}`,
      ...steps.map(
        (step, i) =>
          `  ${i + 1}. ${printable(step.what)} (${frameNames(step.frames.slice(0, NAMED_FRAMES), captures)}${step.frames.length > NAMED_FRAMES ? ', …' : ''})`,
      ),
    ],
    width,
  )
}

export function severityStyle(severity: Severity, style: Style): (text: string) => string {
  const colour = { error: style.red, warning: style.yellow, info: style.cyan }[severity]
  return text => style.bold(colour(text))
}

/** `  why     ` */
export function label(word: string): string {
  return `  ${word.padEnd(SECTION_MARGIN - 2)}`
}

/** The flows, a few of them by name, and how many there are. */
function flowLines(
  { flows, flowCount, amount, names = [], comments = [] }: FindingReport,
  width: number,
): string[] {
  const named = flows.slice(0, NAMED_FLOWS).map(printable)
  const more =
    flowCount > named.length && named.length > 0 ? [`and ${formatCount(flowCount - named.length)} more`] : []
  const called = names.map(({ address, name }) => `${address} is ${printable(name)}`).join(', ')
  const written = comments.map(({ frame, text }) => `frame ${frame} has the comment: ${printable(text)}`)
  const known = called === '' ? [] : [called]
  return wrap([...named, ...more, ...known, ...written, ...(amount === '' ? [] : [amount])], width)
}

/** From when to when; of what was only counted, that it was at some time of the captures. */
function whenText(
  { facts: { first, last } }: FindingReport,
  captures: readonly CaptureReport[],
  { clock }: Page,
): string {
  if (first !== null) return clock.span(BigInt(first.nanoseconds), BigInt((last ?? first).nanoseconds))
  const times = captures
    .flatMap(capture => [capture.firstTime, capture.lastTime])
    .filter(time => time !== null)
  const [from, ...more] = times.map(instantOf).sort((a, b) => (a < b ? -1 : 1))
  return from === undefined ? 'not known' : `within ${clock.span(from, more.at(-1) ?? from)}`
}

/** What to do or to look at, each with the commands below it, which are to be typed as they are. */
function adviceLines(word: string, all: readonly Advice[], { width, style }: Page): string[] {
  return all.flatMap(({ text, commands }, i) => [
    ...labelled(label(i === 0 ? word : ''), printable(text), width),
    ...commands.flatMap(command => shellLines(command, width, style)),
  ])
}

/** A command, in as many lines as it takes. */
export function shellLines(command: string, width: number, style: Style): string[] {
  return commandLines(printable(command), width, COMMAND_INDENT).map(line => style.bold(line))
}

/** `frames 3, 6, 9 (first 3 of 20)` */
function framesText({ frames, frameCount }: FindingReport, captures: readonly CaptureReport[]): string {
  const named = frameNames(frames.slice(0, NAMED_FRAMES), captures)
  return frameCount > NAMED_FRAMES ? `${named} (first ${NAMED_FRAMES} of ${formatCount(frameCount)})` : named
}

/** The frames: all of them where that is short, else what finds them, and how many there are. */
function lookLines(
  finding: FindingReport,
  captures: readonly CaptureReport[],
  { width, style }: Page,
): string[] {
  const { frames, frameCount, flowCount } = finding
  if (frames.length === 0) return []
  // a pipe cannot be read again
  if (captures.some(({ path }) => path === '-'))
    return labelled(label('look'), framesText(finding, captures), width)
  const named = tsharkCommands(captures, frames)
  const isPart = frameCount > frames.length
  const all = isPart || named.some(command => command.length > LONG) ? allFrames(finding, captures) : []
  const [first] = frames
  const from =
    captures.length === 1 && first !== undefined ? ` from frame ${formatCount(first.frame)} on` : ''
  const what =
    all.length > 0
      ? `${plural(frameCount, 'frame')}${from}; this finds all frames of ${flowCount === 1 ? 'the connection' : 'the connections'}`
      : isPart
        ? `the first ${formatCount(frames.length)} of ${plural(frameCount, 'frame')}`
        : plural(frames.length, 'frame')
  const commands = all.length > 0 ? all : named
  return [
    ...labelled(label('look'), what, width),
    ...commands.flatMap(command => shellLines(command, width, style)),
  ]
}
