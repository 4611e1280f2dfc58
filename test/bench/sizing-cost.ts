// What sizing costs beside the replay alone, and eight scenarios beside one: npm run build && tsx test/bench/sizing-cost.ts CAPTURE.
import { openCaptures } from '../../src/capture/open/open.ts'
import { OwnerThread } from '../../src/cli/replay/owner-thread.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import type { Observer } from '../../src/conntrack/events.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import { replay } from '../../src/replay.ts'
import { endEntries } from '../../src/sizing/flows.ts'
import { OwnerFeed } from '../../src/sizing/owners/owner-feed.ts'
import { Sizing } from '../../src/sizing/sizing.ts'
import { measure } from './measure.ts'
import { SEVEN_SCENARIOS } from './programs.ts'

const RUNS = 5
const SILENT = { created() {}, updated() {}, reclassified() {}, expired() {}, destroyed() {} }
const OWNERS = new URL('../../dist/owners.js', import.meta.url)
const MAIN = new URL('../../dist/main.js', import.meta.url).pathname

const path = process.argv[2]

/** Seconds of a replay of the capture: what `analyze` waits for. `finish` is told of its end. */
async function timeOf(engine: Engine, finish: (end: number) => Promise<void>): Promise<number> {
  const source = await openCaptures([path])
  const start = performance.now()
  await replay(source, [engine], new Defragmenter(), { seen: () => {} })
  await finish(engine.context.time)
  const seconds = (performance.now() - start) / 1000
  await source.close()
  return seconds
}

function replayAlone(): Promise<number> {
  return timeOf(new Engine(defaultSettings(), SILENT), async () => {})
}

/** As in `analyze`: owners are counted on a thread of their own. */
async function replaySized(): Promise<number> {
  const owners = new OwnerThread(OWNERS, true)
  let sizing: Sizing | null = null
  const observer: Observer = {
    created: (ct, time) => sizing?.created(ct, time),
    updated: () => {},
    reclassified: (_, before, after, time) => sizing?.reclassified(before, after, time),
    expired: (ct, time) => sizing?.expired(ct, time),
    destroyed: (ct, cause, time) => sizing?.destroyed(ct, cause, time),
  }
  const engine = new Engine(defaultSettings(), observer)
  const own = new Sizing(engine.table, defaultSettings(), new OwnerFeed(engine.table, owners.queue), null)
  sizing = own
  const seconds = await timeOf(engine, async end => {
    own.finish(end)
    endEntries(engine.table, ct => own.left(ct, end))
    await owners.largest(end)
  })
  await owners.close()
  return seconds
}

/** Seconds of the built program. */
function run(...args: string[]): number {
  return measure(process.execPath, [MAIN, ...args, '--json', path]).seconds
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

const all: number[][] = [[], [], [], []]
for (let i = 0; i < RUNS; i++) {
  all[0].push(await replayAlone())
  all[1].push(await replaySized())
  all[2].push(run('analyze'))
  all[3].push(run('size', ...SEVEN_SCENARIOS))
}
const [alone, sized, analyzed, eight] = all.map(median)
const share = (sized / alone - 1) * 100
console.log(
  `replay alone ${alone.toFixed(2)} s; with sizing ${sized.toFixed(2)} s, ${share.toFixed(0)} % more`,
)
console.log(
  `analyze ${analyzed.toFixed(2)} s; size with eight tables ${eight.toFixed(2)} s, ${(eight / analyzed).toFixed(2)} x`,
)
