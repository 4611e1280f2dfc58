// Knowledge out of files, and packets to ask it about.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseAddress } from '../../src/host/files/network.ts'
import { type Endpoint, Knowledge } from '../../src/host/knowledge.ts'
import { Rules } from '../../src/host/rules/rules.ts'
import { readRules } from '../../src/host/rules/rules-file.ts'
import { Ruleset } from '../../src/host/rules/ruleset.ts'
import type { Subject } from '../../src/host/rules/subject.ts'
import { Topology } from '../../src/host/topology/topology.ts'
import { readTopology } from '../../src/host/topology/topology-file.ts'

export function rulesOf(...texts: string[]): Rules {
  const ruleset = new Ruleset()
  for (const text of texts) readRules('rules.txt', text, ruleset)
  ruleset.dropDoubles()
  return new Rules(ruleset)
}

export function topologyOf(...texts: string[]): Topology {
  const topology = new Topology()
  for (const text of texts) readTopology(text, topology)
  return topology
}

export function knowledgeFrom(rules: string[], topology: string[]): Knowledge {
  const ruleset = new Ruleset()
  for (const path of rules) readRules(basename(path), readFileSync(path, 'utf8'), ruleset)
  const hosts = topologyOf(...topology.map(path => readFileSync(path, 'utf8')))
  return new Knowledge(rules.length === 0 ? null : new Rules(ruleset), topology.length === 0 ? null : hosts)
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
export function endpointOf(text: string): Endpoint {
  const [, bracketed, bare = '', port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const address = parseAddress(bracketed ?? bare)
  if (address === null) throw new Error(`no endpoint: ${text}`)
  return { ...address, port: Number(port) }
}

/** `tcp` or `udp` from one endpoint to another. */
export function packetOf(
  protocol: 'tcp' | 'udp',
  source: string,
  destination: string,
  more: Partial<Subject> = {},
): Subject {
  const from = endpointOf(source)
  const to = endpointOf(destination)
  return {
    family: from.family,
    protocol: protocol === 'tcp' ? 6 : 17,
    source: from.words,
    destination: to.words,
    sourcePort: from.port,
    destinationPort: to.port,
    input: null,
    output: null,
    state: null,
    isLocal: null,
    isSourceKnown: true,
    isDestinationKnown: true,
    packet: null,
    ...more,
  }
}
