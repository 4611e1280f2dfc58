// The spine: though packets are tracked in batches, the witness is shown what one packet after the other would give.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCaptures } from '../src/capture/open/open.ts'
import { Engine } from '../src/conntrack/engine.ts'
import { defaultSettings } from '../src/conntrack/settings.ts'
import {
  Defragmenter,
  FRAGMENT_COMPLETED,
  FRAGMENT_NONE,
  FRAGMENT_QUEUED,
} from '../src/packet/defrag/fragments.ts'
import { decode } from '../src/packet/encapsulation/decode.ts'
import { Packet } from '../src/packet/packet.ts'
import { BATCH, FRAME_LOST, FRAME_QUEUED, FRAME_SKIPPED, FRAME_TRACKED, replay } from '../src/replay.ts'
import { ROOT } from './support/source-files.ts'

const captures = ['report', 'formats', 'conntrack-output'].flatMap(folder =>
  readdirSync(join(ROOT, 'fixtures', folder))
    .filter(name => /\.(pcap|pcapng|gz|snoop)$/.test(name))
    .map(name => join('fixtures', folder, name)),
)

/** An engine that writes down its events and, by `note`, what it made of a packet. */
class Journal {
  readonly lines: string[] = []
  readonly engine: Engine

  constructor() {
    const write = (text: string) => this.lines.push(text)
    this.engine = new Engine(defaultSettings(), {
      created: (ct, time) => write(`new ${ct} ${time}`),
      updated: (ct, events, time) => write(`update ${ct} ${events} ${time}`),
      reclassified: (ct, before, after, time) => write(`class ${ct} ${before} ${after} ${time}`),
      expired: (ct, time) => write(`expired ${ct} ${time}`),
      destroyed: (ct, cause, time) => write(`destroy ${ct} ${cause} ${time}`),
    })
  }

  note(packet: Packet, outcome: number): void {
    const { state, direction, status, ct, context } = this.engine
    const place = `${packet.capture} ${packet.frame} ${packet.time} ${outcome}`
    if (outcome !== FRAME_TRACKED) this.lines.push(`${place} fault ${packet.fault}`)
    else this.lines.push(`${place} ${state} ${direction} ${status} ${ct} ${context.reasons.text()}`)
  }
}

async function oneByOne(path: string): Promise<string[]> {
  const source = await openCaptures([path])
  const journal = new Journal()
  const fragments = new Defragmenter()
  const packet = new Packet()
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      const outcome = decode(frame, packet) ? outcomeOf(fragments.defragment(packet)) : FRAME_SKIPPED
      if (outcome === FRAME_TRACKED) journal.engine.track(packet)
      journal.note(packet, outcome)
    }
  } while (await source.fill())
  await source.close()
  return journal.lines
}

function outcomeOf(fragment: number): number {
  if (fragment === FRAGMENT_NONE || fragment === FRAGMENT_COMPLETED) return FRAME_TRACKED
  return fragment === FRAGMENT_QUEUED ? FRAME_QUEUED : FRAME_LOST
}

async function inBatches(path: string, engines: number): Promise<string[][]> {
  const source = await openCaptures([path])
  const journals = Array.from({ length: engines }, () => new Journal())
  const seen = (packet: Packet, outcome: number) => {
    for (const journal of journals) journal.note(packet, outcome)
  }
  await replay(
    source,
    journals.map(journal => journal.engine),
    new Defragmenter(),
    { seen },
  )
  await source.close()
  return journals.map(journal => journal.lines)
}

describe.each(captures)('replay of %s', name => {
  it('gives to each of several engines what one packet after the other gives', async () => {
    const path = join(ROOT, name)
    const expected = await oneByOne(path)
    expect(await inBatches(path, 2)).toEqual([expected, expected])
  })
})

it('has seen captures of several batches, and all kinds of frames', async () => {
  const journals = await Promise.all(captures.map(name => oneByOne(join(ROOT, name))))
  const frames = journals.map(lines => lines.filter(line => /^\d/.test(line)))
  expect(Math.max(...frames.map(lines => lines.length))).toBeGreaterThan(4 * BATCH)
  const outcomes = new Set(frames.flat().map(line => Number(line.split(' ')[3])))
  expect(outcomes).toEqual(new Set([FRAME_TRACKED, FRAME_SKIPPED, FRAME_QUEUED, FRAME_LOST]))
})
