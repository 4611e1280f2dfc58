// Which port of a bridge a station is behind, as packets that were switched have shown it.
import { expect, it } from 'vitest'
import { ForwardingTable } from '../../src/vantage/forwarding.ts'

it('a station is behind the port it was seen at last, and no other', () => {
  const table = new ForwardingTable()
  const stations = Array.from({ length: 20 }, (_, index) => 0x02000001 + index * 0x1000)
  for (const [index, mac] of stations.entries()) {
    expect(table.isBehind(mac, 3)).toBe(false)
    table.learn(mac, 3)
    expect([2, 3, 4].map(point => table.isBehind(mac, point))).toEqual([false, true, false])
    // another station, at the same port
    expect(table.isBehind(mac ^ 0x555, 3)).toBe(false)
    if (index % 2 === 0) continue
    table.learn(mac, 4)
    expect([3, 4].map(point => table.isBehind(mac, point))).toEqual([false, true])
  }
})
