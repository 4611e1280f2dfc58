// Writes a synthetic capture, as tsx test/bench/make-capture.ts OUT --conns 400000 --data 6 --pps 200000 asks for it.
import { parseArgs } from 'node:util'
import {
  SYNTHETIC_DEFAULTS,
  type SyntheticOptions,
  writeSyntheticCapture,
} from '../support/synthetic-capture.ts'

const names = Object.keys(SYNTHETIC_DEFAULTS) as (keyof SyntheticOptions)[]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(names.map(name => [name, { type: 'string' as const }])),
})
if (positionals.length !== 1) {
  console.error(`usage: make-capture.ts OUT ${names.map(name => `[--${name} N]`).join(' ')}`)
  process.exit(2)
}
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]))
console.log(JSON.stringify(writeSyntheticCapture(positionals[0], given)))
