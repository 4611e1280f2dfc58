// The table of 60,000 short connections a second for two minutes: tsx test/bench/large-table.ts [--rate N] [--seconds N].
import { parseArgs } from 'node:util'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'
import { replay } from '../../src/replay.ts'
import { tableMemory } from '../../src/sizing/memory.ts'
import { Scenario } from '../../src/sizing/scenarios/scenario.ts'
import { ShortConnectionSource } from '../support/short-connections.ts'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '60000' },
    seconds: { type: 'string', default: '120' },
    exchanges: { type: 'string', default: '0' },
  },
})

const source = new ShortConnectionSource({
  rate: Number(values.rate),
  seconds: Number(values.seconds),
  exchanges: Number(values.exchanges),
})
const settings = { ...defaultSettings(), nf_conntrack_max: 0 }
const scenario = new Scenario({ name: '', settings, enforced: false, notrack: null }, { owners: true })

const started = process.cpuUsage()
const clock = performance.now()
await replay(source, [scenario.engine], new Defragmenter(FRAGMENT_DEFAULTS), { seen: () => {} })
scenario.finish(source.end)
const cpu = process.cpuUsage(started)
const seconds = (performance.now() - clock) / 1000

const { occupancy } = scenario.sizing
const projection = scenario.sizing.project(source.end)
const memory = process.memoryUsage()
const result = {
  connections: source.connections,
  packets: source.frames,
  captureSeconds: source.end / 1e9,
  peakLive: occupancy.peak,
  levelsOffAt: Math.round(projection.level),
  kernelMemory: tableMemory(occupancy.peak, settings.nf_conntrack_buckets),
  seconds: Number(seconds.toFixed(1)),
  cpuSeconds: Number(((cpu.user + cpu.system) / 1e6).toFixed(1)),
  packetsASecond: Math.round(source.frames / seconds),
  // process.resourceUsage() counts kilobytes
  peakMemory: process.resourceUsage().maxRSS * 1024,
  heapUsed: memory.heapUsed,
  bytesAnEntry: Math.round((process.resourceUsage().maxRSS * 1024) / occupancy.peak),
}
console.log(JSON.stringify(result, null, 2))
