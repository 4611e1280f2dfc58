// Connections that pass several hosts: in the order of the hosts, whichever of them is told of first.
import { describe, expect, it } from 'vitest'
import { joinHosts } from '../../src/report/analyze/joined-flows.ts'
import type { DirectionReport, FlowReport, Report } from '../../src/report/analyze/model.ts'

const EMPTY = { packets: 1, bytes: 60 }
const START = '2026-11-30T12:00:00.000000Z'

function direction(from: string, to: string): DirectionReport {
  const [src = '', sport] = from.split(':')
  const [dst = '', dport] = to.split(':')
  return { src, dst, sport: Number(sport), dport: Number(dport), ...EMPTY }
}

/** An entry of packets that come from one end to another, and leave so, or between `behind`. */
function entry(from: string, to: string, behind = [from, to], startTime = START): FlowReport {
  const [client = '', server = ''] = behind
  return {
    protocol: 'tcp',
    protocolNumber: 6,
    state: 'ESTABLISHED',
    status: [],
    orig: direction(from, to),
    reply: direction(server, client),
    firstFrame: 1,
    startTime,
    start: 0,
    duration: 1,
    entrySeconds: 1,
    ended: 'open',
  }
}

/** What a host's report names; nothing else of it is looked at. */
function host(name: string, ...top: FlowReport[]): { host: string; report: Report } {
  return { host: name, report: { flows: { top }, findings: [] } as unknown as Report }
}

const ways = (...hosts: ReturnType<typeof host>[]): string[] =>
  joinHosts(hosts).connections.map(({ hops }) => hops.map(hop => hop.host).join(' '))

const CLIENT = '10.0.0.1:4000'
const SERVICE = '10.9.0.1:80'
const BACKEND = '10.2.0.7:8080'

describe('a connection that passes several hosts', () => {
  const gateway = host('gateway', entry(CLIENT, SERVICE, [CLIENT, BACKEND]))
  const server = host('server', entry(CLIENT, BACKEND))

  it('is told in the order in which its requests pass them', () => {
    expect(ways(gateway, server)).toEqual(['gateway server'])
    expect(ways(server, gateway)).toEqual(['gateway server'])
  })

  it('is one where two of them forward it as it is, and a third translates it', () => {
    const [a, b] = ['a', 'b'].map(name => host(name, entry(CLIENT, SERVICE)))
    for (const hosts of [
      [gateway, a, b, server],
      [server, gateway, b, a],
    ]) {
      const [way = '', ...others] = ways(...(hosts as (typeof gateway)[]))
      expect(others).toEqual([])
      expect(way.split(' ').sort()).toEqual(['a', 'b', 'gateway', 'server'])
      expect(way).toMatch(/gateway server$/)
    }
  })

  it('may come back to one of them', () => {
    const both = host('both', entry(CLIENT, SERVICE), entry(CLIENT, BACKEND))
    expect(ways(both, gateway)).toEqual(['both gateway both'])
  })

  it('is none of another time, of another port, or of one host alone', () => {
    const later = host('server', entry(CLIENT, BACKEND, undefined, '2026-11-30T13:00:00.000000Z'))
    expect(ways(gateway, later)).toEqual([])
    expect(ways(gateway, host('server', entry(CLIENT, '10.2.0.7:8081')))).toEqual([])
    expect(ways(host('one', entry(CLIENT, SERVICE, [CLIENT, BACKEND]), entry(CLIENT, BACKEND)))).toEqual([])
  })
})
