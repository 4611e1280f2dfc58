// What sizing costs beside the replay alone, and eight scenarios beside one: tsx test/bench/sizing-cost.ts CAPTURE.
import { openCaptures } from '../../src/capture/open.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { Defragmenter } from '../../src/packet/fragments.ts'
import { replay, type Tracker } from '../../src/replay.ts'
import { Scenario } from '../../src/sizing/scenario.ts'
import { WhatIf } from '../../src/sizing/what-if.ts'

const RUNS = 3
const SCENARIOS: Partial<Settings>[] = [
  {},
  { nf_conntrack_tcp_timeout_time_wait: 60 },
  { nf_conntrack_tcp_timeout_time_wait: 30 },
  { nf_conntrack_tcp_timeout_time_wait: 10 },
  { nf_conntrack_udp_timeout: 10 },
  { nf_conntrack_udp_timeout_stream: 60 },
  { nf_conntrack_tcp_timeout_established: 86400 },
  { nf_conntrack_tcp_timeout_fin_wait: 30 },
]
const SILENT = { created() {}, updated() {}, reclassified() {}, expired() {}, destroyed() {} }

const path = process.argv[2]

/** Processor seconds of the fastest of a few replays. */
async function cost(make: () => Tracker): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    const source = await openCaptures([path])
    const engine = make()
    const before = process.cpuUsage()
    await replay(source, [engine], new Defragmenter(), { seen: () => {} })
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1e6)
    await source.close()
  }
  return least
}

function scenario(changes: Partial<Settings>, measures: boolean): Scenario {
  const settings = { ...defaultSettings(), ...changes }
  return new Scenario({ name: '', settings, enforced: false, notrack: null }, measures)
}

const engine = await cost(() => new Engine(defaultSettings(), SILENT))
const sized = await cost(() => scenario({}, true).engine)
const one = await cost(() => new WhatIf([scenario({}, true)]))
const eight = await cost(() => new WhatIf(SCENARIOS.map((changes, i) => scenario(changes, i === 0))))
console.log(
  `replay alone ${engine.toFixed(2)} s; with sizing ${sized.toFixed(2)} s, ${(sized / engine).toFixed(2)} x`,
)
console.log(`one scenario ${one.toFixed(2)} s; eight ${eight.toFixed(2)} s, ${(eight / one).toFixed(2)} x`)
