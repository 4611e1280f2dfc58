// Holds recorded runs of rulesets against the model: `npx tsx test/kernel/rules-compare.ts FOLDER…`, `--loud` for each difference.
import { compareRules } from './rules-comparison.ts'

const folders = process.argv.slice(2).filter(word => !word.startsWith('-'))
const isLoud = process.argv.includes('--loud')
const sums = { cases: 0, clean: 0, packets: 0, unknown: 0, wrong: 0, counters: 0, events: 0 }
for (const folder of folders) {
  try {
    const result = await compareRules(folder)
    sums.cases++
    sums.packets += result.packets
    sums.unknown += result.unknown
    sums.wrong += result.wrong.length
    sums.counters += result.counters.length
    sums.events += result.events.length
    const isClean = result.wrong.length + result.counters.length + result.events.length === 0
    if (isClean) sums.clean++
    if (!isClean || isLoud)
      process.stdout.write(
        `${folder}: ${result.packets} packets, ${result.unknown} unknown, wrong ${result.wrong.length}, counters ${result.counters.length}, events ${result.events.length}, untold ${result.untold}\n`,
      )
    if (isLoud)
      for (const line of [
        ...result.wrong.slice(0, 6),
        ...result.counters.slice(0, 8),
        ...result.events.slice(0, 8),
      ])
        process.stdout.write(`   ${line}\n`)
  } catch (error) {
    process.stdout.write(`${folder}: ${error instanceof Error ? error.stack : error}\n`)
  }
}
process.stdout.write(`${JSON.stringify(sums)}\n`)
