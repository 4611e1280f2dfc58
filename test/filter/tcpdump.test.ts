// Filters select the frames that `tcpdump -r` selects: every fixture, and every capture under CTPCAP_CORPUS, whole and cut.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CaptureError } from '../../src/capture/error.ts'
import { Filter } from '../../src/filter/filter.ts'
import { linkOf } from '../../src/filter/link.ts'
import { Random } from '../kernel/generate/random.ts'
import { Folder } from '../support/capture-builder.ts'
import { frameOf } from '../support/frames.ts'
import { writePcap } from '../support/pcap-writer.ts'
import { type ReadFrame, readBytes, readFiles } from '../support/read-frames.ts'
import { EXPRESSIONS, joinExpressions } from './expressions.ts'

const HAS_TCPDUMP = spawnSync('tcpdump', ['--version']).status === 0
const CORPUS = process.env.CTPCAP_CORPUS
if (!HAS_TCPDUMP) console.warn('filter-tcpdump.test.ts: skipped, there is no tcpdump')
else if (CORPUS === undefined)
  console.warn('filter-tcpdump.test.ts: fixtures alone, CTPCAP_CORPUS names no captures')

const SEED = 20_261_122
/** Of each link type others. */
const RANDOM_EXPRESSIONS = 40
/** Frames taken of a capture, and of a link type. */
const MOST_OF_CAPTURE = 150
const MOST_OF_LINK = 8000
const OTHER = /\.(md|tsv|txt|json|xml|ts|rules|yaml)$/

const folder = new Folder()
afterAll(() => folder[Symbol.dispose]())

/** Frames of all captures by link type. */
async function readFrames(): Promise<Map<number, ReadFrame[]>> {
  const byLinkType = new Map<number, ReadFrame[]>()
  for (const root of ['fixtures', ...(CORPUS === undefined ? [] : [CORPUS])]) {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || OTHER.test(entry.name)) continue
      for (const frame of await readSome(join(entry.parentPath, entry.name))) {
        if (linkOf(frame.linkType) === null) continue
        const frames = byLinkType.get(frame.linkType) ?? []
        if (frames.length < MOST_OF_LINK) frames.push(frame)
        byLinkType.set(frame.linkType, frames)
      }
    }
  }
  return byLinkType
}

async function readSome(path: string): Promise<ReadFrame[]> {
  try {
    return (await readFiles([path])).frames.slice(0, MOST_OF_CAPTURE)
  } catch (error) {
    if (error instanceof CaptureError) return []
    throw error
  }
}

/** Indexes of the frames that tcpdump selects; null where it refuses the expression for this link type. */
async function selectedByTcpdump(
  path: string,
  expression: string,
  options: string[],
): Promise<number[] | null> {
  const arguments_ = [...options, '-r', path, '-w', '-', '--', expression]
  const { status, stdout } = spawnSync('tcpdump', arguments_, { maxBuffer: 1 << 28 })
  if (status !== 0) return null
  if (stdout.length === 0) return []
  // frame n was written with the stamp of n seconds
  return (await readBytes(new Uint8Array(stdout))).frames.map(({ stamp }) => Number(stamp / 1_000_000_000n))
}

function selectedByUs(frames: readonly ReadFrame[], expression: string): number[] {
  const filter = new Filter(expression)
  return frames.flatMap(({ bytes, originalLength, linkType }, index) =>
    filter.matchesFrame(frameOf(bytes, { linkType, originalLength })) ? [index] : [],
  )
}

async function compare(
  frames: readonly ReadFrame[],
  name: string,
  expressions: readonly string[],
  options: string[],
): Promise<number> {
  const written = frames.map(({ bytes, originalLength }, seconds) => ({
    bytes,
    seconds,
    originalLength: Math.min(originalLength, 0x7fffffff),
  }))
  const path = folder.write(name, writePcap(written, { linkType: frames[0].linkType }))
  let selected = 0
  for (const expression of expressions) {
    const theirs = await selectedByTcpdump(path, expression, options)
    if (theirs === null) continue
    expect(selectedByUs(frames, expression), expression).toEqual(theirs)
    selected += theirs.length
  }
  return selected
}

describe.skipIf(!HAS_TCPDUMP)('the frames of tcpdump', async () => {
  const byLinkType = HAS_TCPDUMP ? [...(await readFrames())] : []
  // The optimizer changes the order of loads, and with it which one first meets the end of the captured bytes. That it
  // skips loads of which no bit counts, we do as well, but without it they are not skipped.
  const isPlain = (expression: string): boolean => !/\/(0|10|16)\b/.test(expression)

  it.each(byLinkType)('link type %i', async (linkType, frames) => {
    expect(await compare(frames, `link-${linkType}.pcap`, EXPRESSIONS, [])).toBeGreaterThan(0)
  })

  it.each(byLinkType)('link type %i, cut at any byte', async (linkType, frames) => {
    const cut = frames.slice(0, 1500).map((frame, index) => ({
      ...frame,
      bytes: index % 3 === 0 ? frame.bytes : frame.bytes.subarray(0, (index * 31) % 80),
    }))
    const random = new Random(SEED + linkType)
    const joined = Array.from({ length: RANDOM_EXPRESSIONS }, () => joinExpressions(random))
    const expressions = [...EXPRESSIONS, ...joined].filter(isPlain)
    expect(await compare(cut, `cut-${linkType}.pcap`, expressions, ['-O'])).toBeGreaterThan(0)
  })
})
