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

it('are named by interface or file, with what tells the paths apart where two have one name', () => {
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
  expect(names).toEqual(['tmp:a', 'eth0', 'else:a', 'eth0', '.pcap', '.pcap#7', 'wlan0'])
})

it.each([
  ['two folders', ['lab/x/captures/any.pcap', 'lab/y/captures/any.pcap'], ['x:any#4', 'y:any#4']],
  ['a folder and the one above it', ['any.pcap', 'x/any.pcap'], ['any#4', 'x:any#4']],
  ['folders that differ in several places', ['x/1/any.pcap', 'y/2/any.pcap'], ['1:any#4', '2:any#4']],
  [
    'three folders, two alike in part',
    ['x/1/any.pcap', 'x/2/any.pcap', 'y/2/any.pcap'],
    ['x/1:any#4', 'x/2:any#4', 'y/2:any#4'],
  ],
  ['a folder in one of its name', ['x/x/any.pcap', 'x/any.pcap'], ['x:any#4', 'any#4']],
  ['one folder, other endings', ['x/any.pcap', 'x/any.pcapng'], ['any.pcap:any#4', 'any.pcapng:any#4']],
  ['one file read twice', ['x/any.pcap', 'x/any.pcap'], ['any#4', 'any#4']],
])('have names of their own: %s', (_, paths, names) => {
  const captures = paths.map(path => ({ path }))
  const points = new Points({
    captures,
    interfaces: paths.map((_, capture) => ({ name: '', capture })),
  } as never)
  for (const [at] of paths.entries()) points.seen(at, 4)
  expect(points.all.map((_, point) => points.name(point))).toEqual(names)
})

it('have the file in front of an interface that two pcapngs have', () => {
  const captures = ['x/a.pcapng', 'x/eth0.pcap', 'x/b.pcapng.gz'].map(path => ({ path }))
  const interfaces = ['eth0', '', 'eth0'].map((name, capture) => ({ name, capture }))
  const points = new Points({ captures, interfaces } as never)
  for (const [at] of captures.entries()) points.seen(at, 0)
  expect(points.all.map((_, point) => points.name(point))).toEqual(['a:eth0', 'eth0', 'b:eth0'])
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
