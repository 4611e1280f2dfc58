// The garbage collector against gc_worker() as the kernel has it: whom it evicts early, and when it comes again.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GarbageCollector } from '../../src/conntrack/gc.ts'
import { DEFAULT_HZ as HZ } from '../../src/conntrack/kernel.ts'
import { SCTP_STATE_NAMES } from '../../src/conntrack/proto/sctp-table.ts'
import { TCP_STATE_NAMES } from '../../src/conntrack/proto/tcp-table.ts'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { IPS_ASSURED, IPS_CONFIRMED } from '../../src/conntrack/status.ts'
import { Table } from '../../src/conntrack/table.ts'
import { ENTRY_SHIFT, STATUS } from '../../src/conntrack/table-layout.ts'
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../src/net/numbers.ts'
import { addEntry, emptyTable, type MadeEntry, removeEntry } from '../support/table-entries.ts'

interface Eviction {
  ct: number
  early: boolean
}

const table = new Table(256)

/** A collector over the table, which is emptied for it: to make one takes longer than all else here. */
class Bench {
  readonly table = table
  readonly evicted: Eviction[] = []
  readonly gc: GarbageCollector

  constructor(settings: Partial<Settings> = {}) {
    this.gc = new GarbageCollector(this.table, { ...defaultSettings(), ...settings }, (ct, early) => {
      this.evicted.push({ ct, early })
      removeEntry(this.table, ct)
    })
    emptyTable(table)
  }

  add(...entries: Omit<MadeEntry, 'number'>[]): number[] {
    return entries.map(entry => addEntry(this.table, { ...entry, number: this.table.count + 1 }))
  }
}

/** Whether an entry goes when there is no room: the only one of a table of at most one. */
function goesEarly(protocol: number, state: number, status: number): boolean {
  const bench = new Bench({ nf_conntrack_max: 100, nf_conntrack_count: 94 })
  bench.add({ protocol, state, status, timeout: 100 * HZ })
  bench.gc.earlyDrop = true
  bench.gc.run()
  return bench.evicted.length > 0
}

describe('when early drop has failed', () => {
  it.each([
    ['TCP', IPPROTO_TCP, TCP_STATE_NAMES, ['FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE']],
    ['SCTP', IPPROTO_SCTP, SCTP_STATE_NAMES, ['SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT']],
    ['UDP', IPPROTO_UDP, ['NONE'], []],
  ] as const)(
    'of ASSURED %s entries those go that tcp_can_early_drop() and its like name',
    (_, protocol, names, going) => {
      const gone = names.filter((_, state) => goesEarly(protocol, state, IPS_ASSURED))
      expect(gone).toEqual(going)
    },
  )

  it.each([IPPROTO_TCP, IPPROTO_SCTP, IPPROTO_UDP])(
    'all goes that is not ASSURED (protocol %i)',
    protocol => {
      const states = Array.from({ length: protocol === IPPROTO_UDP ? 1 : 9 }, (_, state) => state)
      expect(states.filter(state => !goesEarly(protocol, state, 0))).toEqual([])
    },
  )

  it('entries go until fewer than 95 of each whole 100 of the maximum are left', () => {
    // 399 / 100 * 95 in whole numbers
    for (const held of [0, 200]) {
      const bench = new Bench({ nf_conntrack_max: 399, nf_conntrack_count: held })
      bench.add(...Array.from({ length: 300 - held }, () => ({ timeout: 100 * HZ })))
      bench.gc.earlyDrop = true
      bench.gc.run()
      expect(bench.table.count + held).toBe(284)
      expect(bench.evicted.every(({ early }) => early)).toBe(true)
    }
  })

  it('only the runs of one scan are to evict, and none when nothing failed', () => {
    const bench = new Bench({ nf_conntrack_max: 100 })
    bench.add(...Array.from({ length: 97 }, () => ({ timeout: 100 * HZ })))
    bench.gc.run()
    expect(bench.evicted).toEqual([])
    bench.gc.earlyDrop = true
    bench.gc.run()
    expect(bench.evicted).toHaveLength(3)
    expect(bench.gc.earlyDrop).toBe(false)
  })
})

describe('an entry', () => {
  it('goes at the jiffy of its timeout, not before, and not if it is not confirmed', () => {
    const bench = new Bench()
    const now = bench.gc.nextRun
    const [over, , unconfirmed] = bench.add({ timeout: now }, { timeout: now + 1 }, { timeout: now })
    table.entries[(unconfirmed << ENTRY_SHIFT) + STATUS] = 0
    bench.gc.run()
    table.entries[(unconfirmed << ENTRY_SHIFT) + STATUS] = IPS_CONFIRMED
    expect(bench.evicted).toEqual([{ ct: over, early: false }])
  })
})

describe('a scan', () => {
  it('pauses for a jiffy when it has evicted more than 64000 / HZ, and goes on behind them', () => {
    const most = 64000 / HZ
    const bench = new Bench()
    const first = bench.gc.nextRun
    const added = bench.add(...Array.from({ length: most + 11 }, () => ({ timeout: first })))
    bench.gc.earlyDrop = true
    bench.gc.run()
    expect(bench.evicted.map(({ ct }) => ct)).toEqual(added.sort((a, b) => a - b).slice(0, most + 1))
    expect(bench.gc.nextRun).toBe(first + 1)
    expect(bench.gc.earlyDrop).toBe(false)
    bench.gc.run()
    expect(bench.table.count).toBe(0)
    // 60 s less what the scan has taken
    expect(bench.gc.nextRun).toBe(first + 1 + 60 * HZ - 1)
  })

  it('comes again after the average of what is left to entries, between 1 s and 60 s', () => {
    const left = fc.oneof(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: HZ - 2, max: HZ + 2 }),
      fc.integer({ min: HZ, max: 400 * HZ }),
    )
    const entry = fc.record({ left, status: fc.constantFrom(0, IPS_ASSURED) })
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 400, size: 'max' }),
        fc.nat(50),
        fc.boolean(),
        (entries, held, early) => {
          const bench = new Bench({ nf_conntrack_max: 200, nf_conntrack_count: held })
          const now = bench.gc.nextRun
          const added = bench.add(...entries.map(({ left, status }) => ({ timeout: now + left, status })))
          bench.gc.earlyDrop = early
          bench.gc.run()
          // the model walks entries in the order of their slots
          const walked = entries.toSorted((a, b) => added[entries.indexOf(a)] - added[entries.indexOf(b)])
          const expected = gcWorker(walked, held, early ? 190 : 0)
          expect([bench.gc.nextRun - now, bench.evicted.length]).toEqual([expected.nextRun, expected.evicted])
        },
      ),
      // four hundred entries take long to shrink
      { endOnFailure: true },
    )
  })

  it('is missed by a table that stays empty: its phase is that of idle runs', () => {
    const bench = new Bench()
    const first = bench.gc.nextRun
    bench.gc.skipTo(first)
    expect(bench.gc.nextRun).toBe(first)
    const idle = new Bench()
    while (idle.gc.nextRun < 1e6) idle.gc.run()
    bench.gc.skipTo(1e6)
    expect(bench.gc.nextRun).toBe(idle.gc.nextRun)
  })
})

/**
 * gc_worker() of nf_conntrack_core.c for one scan without a pause, over entries that each have `left` jiffies.
 * @param held entries outside the capture, ASSURED, which all outlive the clamp
 * @param max95 nf_conntrack_max95
 */
function gcWorker(
  entries: { left: number; status: number }[],
  held: number,
  max95: number,
): { nextRun: number; evicted: number } {
  let average = Math.trunc((60 * HZ * 100 + 300 * HZ * held * 2) / (100 + held * 2))
  let count = 100 + held * 2
  let alive = entries.length + held
  let evicted = 0
  for (const { left, status } of entries) {
    // by both its keys, unless the first makes it go
    for (let key = 0; key < 2; key++) {
      average += Math.trunc((Math.min(Math.max(left, HZ), 300 * HZ) - average) / ++count)
      if (max95 === 0 || alive < max95 || status === IPS_ASSURED) continue
      alive--
      evicted++
      break
    }
  }
  const nextRun = Math.min(Math.max(average, HZ), 60 * HZ)
  return { nextRun: nextRun > 1 ? nextRun - 1 : 1, evicted }
}
