// `-o save` of translated entries; all else of it is held against the real conntrack in cli/conntrack-output.test.ts.
import { expect, it } from 'vitest'
import { Table } from '../../src/conntrack/table.ts'
import { Tuple } from '../../src/conntrack/tuple.ts'
import { writeSaveLine } from '../../src/report/conntrack/save.ts'
import { Ascii } from '../../src/report/text/ascii.ts'

function tuple(source: number, destination: number, sourcePort: number, destinationPort: number): Tuple {
  return Object.assign(new Tuple(), {
    source,
    destination,
    ports: (sourcePort << 16) | destinationPort,
    kind: 17,
  })
}

function saved(reply: Tuple): string {
  const table = new Table(1)
  const ct = table.allocate(tuple(0x0a000001, 0x0a600001, 1111, 53), reply, 0, 1)
  const out = new Ascii()
  writeSaveLine(out, table, ct, { seconds: 29, state: true, counters: false, age: null })
  return out.take().toString()
}

it.each([
  ['nothing', tuple(0x0a600001, 0x0a000001, 53, 1111), '-r 10.96.0.1 -q 10.0.0.1', 53, 1111],
  ['a port alone', tuple(0x0a600001, 0x0a000001, 5353, 1111), '-r 10.96.0.1 -q 10.0.0.1', 5353, 1111],
  ['the destination', tuple(0x0af40005, 0x0a000001, 53, 1111), '-g 10.244.0.5 -q 10.0.0.1', 53, 1111],
  ['the source', tuple(0x0a600001, 0x7f000009, 53, 9999), '-r 10.96.0.1 -n 127.0.0.9', 53, 9999],
])('an entry with %s translated', (_what, reply, addresses, replySource, replyDestination) => {
  expect(saved(reply)).toBe(
    `-A -t 29 -u UNSET -s 10.0.0.1 -d 10.96.0.1 ${addresses} -p udp --sport 1111 --dport 53 ` +
      `--reply-port-src ${replySource} --reply-port-dst ${replyDestination}`,
  )
})
