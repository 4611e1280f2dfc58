// Every capture of fixtures/ against its golden: none is without one, or without a reason for that.
import { expect, it } from 'vitest'
import { compareGoldens, fixtureCaptures, goldenGaps } from './goldens.ts'

it('every capture in fixtures/ has a golden or a reason to have none', () => {
  expect(goldenGaps()).toEqual([])
  expect(fixtureCaptures().length).toBeGreaterThan(90)
})

it('a capture without either, and goldens or reasons without a capture, are named', () => {
  expect(goldenGaps(['a.pcap', 'b.pcap'], ['b.pcap', 'c.pcap'], { 'b.pcap': 'x', 'd.pcap': 'y' })).toEqual([
    'a.pcap: neither a golden nor a reason in without-golden.ts',
    'b.pcap: a golden, and a reason to have none',
    'c.pcap: no such capture',
    'd.pcap: no such capture',
  ])
})

it('the model agrees with every golden', async () => {
  expect(await compareGoldens()).toBe(true)
})
