// Observation points: one for each interface of a capture or a host, up to a bound, and what each is called.
import { expect, it } from 'vitest'
import { isSide, MOST_POINTS, Points, pointOfSide, sideOf } from '../../src/vantage/record/points.ts'

const source = {
  captures: ['/tmp/a.pcap', '/tmp/b.pcapng.gz', '/else/a.pcap', '.pcap'].map(path => ({ path })),
  interfaces: ['', 'eth0', '', 'eth0', ''].map((name, index) => ({ name, capture: [0, 1, 2, 1, 3][index] })),
} as never

it('are found again, and counted, as often as a frame is seen there', () => {
  const points = new Points(source)
  const met: string[] = []
  for (let round = 0; round < 3; round++)
    for (let at = 0; at < 40; at++)
      for (let index = 0; index < 20; index++) {
        const point = points.seen(at, index)
        if (round === 0) met.push(`${at} ${index}`)
        expect(met[point]).toBe(`${at} ${index}`)
        expect(points.of(at, index)).toBe(point)
      }
  expect(points.all).toHaveLength(800)
  expect(points.all.every(({ frames }) => frames === 3)).toBe(true)
})

it('are as many as there is room for; all others are the last', () => {
  const points = new Points(source)
  const found = Array.from({ length: MOST_POINTS + 50 }, (_, index) => points.seen(0, index + 1))
  expect(found).toEqual(found.map((_, index) => Math.min(index, MOST_POINTS - 1)))
  expect(points.all).toHaveLength(MOST_POINTS)
  expect(points.all.at(-1)?.frames).toBe(51)
  expect(points.of(0, 5)).toBe(4)
})

it('are named by interface or file, with the file where two have one name', () => {
  const points = new Points(source)
  for (const [at, index] of [
    [0, 0],
    [1, 0],
    [2, 0],
    [3, 0],
    [4, 0],
    [4, 7],
    [4, 8],
  ])
    points.seen(at, index)
  points.interfaceNames = index => (index === 8 ? 'wlan0' : null)
  const names = points.all.map((_, point) => points.name(point))
  expect(names).toEqual(['a:a', 'b:eth0', 'a:a', 'b:eth0', '.pcap', '.pcap#7', 'wlan0'])
})

it('have sides that lead back to them', () => {
  for (const point of [0, 5, MOST_POINTS - 1]) {
    const sides = [0, 1, 0x0a000001, -1].map(beyond => sideOf(point, beyond))
    expect(sides.map(pointOfSide)).toEqual(sides.map(() => point))
    expect(sides.every(isSide)).toBe(true)
    expect(isSide(point)).toBe(false)
    expect(new Set(sides).size).toBe(sides.length)
  }
})
