// The JSON Schema files of the package: what the program prints goes by them, and has no field that they do not name.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { describe, expect, it } from 'vitest'
import { REPORT_SCHEMA } from '../src/report/analyze/model.ts'
import { INFO_SCHEMA } from '../src/report/info/info-report.ts'
import { RULES_SCHEMA, type RulesReport } from '../src/report/rules/rules-model.ts'
import { SIZE_SCHEMA } from '../src/report/size/size-model.ts'
import { HOSTS_SCHEMA } from '../src/report/text/hosts.ts'
import { runCli } from './support/cli.ts'
import { ROOT } from './support/source-files.ts'

type Schema = Record<string, unknown>

const readSchema = (name: string): Schema =>
  JSON.parse(readFileSync(join(ROOT, 'schema', `${name}.schema.json`), 'utf8'))

/** The same schema, by which a field without a name is an error: within the package fields may be added later. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in inner && inner.type === 'object' && !('additionalProperties' in inner)
    ? { ...inner, additionalProperties: false }
    : inner
}

function validator(name: string): ValidateFunction {
  return new Ajv({ allErrors: true, allowUnionTypes: true }).compile(closed(readSchema(name)) as Schema)
}

function errorsOf(validate: ValidateFunction, document: unknown): string[] {
  validate(document)
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}

const CAPTURES = [
  'report/home-gateway.pcap',
  'report/segment-out-of-window.pcap',
  'report/picked-up-mid-stream.pcap',
  'report/traceroute-icmp-errors.pcap',
  'report/ipv4-fragments.pcap',
  'report/syn-flood.pcap',
  'report/port-reused.pcap',
  'findings/same-bridge-dnat.multi.pcapng',
  'findings/invalid-leak.veth3a1f09c2.pcap',
  'findings/hairpin.vethd94c6e10.pcap',
  'flow-findings/one-way-flow.pcap',
  'flow-findings/stale-mapping.any.pcap',
  'flow-findings/vxlan-ladder.pcap',
  'flow-findings/snat-port-pressure.any.pcap.gz',
].map(path => join('fixtures', path))

describe('documents', () => {
  it('say which schema they go by', () => {
    const ids = ['report', 'size', 'info', 'rules', 'hosts'].map(name => readSchema(name).$id)
    expect(ids).toEqual([REPORT_SCHEMA, SIZE_SCHEMA, INFO_SCHEMA, RULES_SCHEMA, HOSTS_SCHEMA])
  })

  it.each<[string, string, string[]]>([
    ['report', 'analyze', []],
    ['report', 'analyze', ['--set', 'nf_conntrack_max=2']],
    [
      'report',
      'analyze',
      [
        '--rules',
        'fixtures/knowledge/same-bridge-dnat.rules.txt',
        '--topology',
        'fixtures/lab/same-bridge-dnat/topology.txt',
      ],
    ],
    ['size', 'size', []],
    ['info', 'info', []],
  ])('%s is what `%s %j` prints', async (name, command, args) => {
    const validate = validator(name)
    for (const capture of CAPTURES) {
      const { stdout } = await runCli([command, capture, '--json', ...args])
      expect(errorsOf(validate, JSON.parse(stdout)), capture).toEqual([])
    }
  })

  it.each<[string, string, string]>([
    ['iptables', 'kubernetes/local-no-endpoint', 'topology.json'],
    ['nft', 'vrfs/nft-forward', 'topology.txt'],
  ])('rules and packets are what is printed with rules of %s', async (_, path, topology) => {
    const [rules, packet] = [validator('rules'), validator('packet')]
    const folder = `fixtures/${path}`
    const given = ['--rules', `${folder}/rules.txt`, '--topology', `${folder}/${topology}`]
    const args = [`${folder}/any.pcap`, ...given]
    const rulesOf = async (...more: string[]): Promise<RulesReport> => {
      const { stdout } = await runCli(['rules', ...args, ...more, '--format', 'json'])
      const document = JSON.parse(stdout)
      expect(errorsOf(rules, document), more.join(' ')).toEqual([])
      return document
    }
    const report = await rulesOf()
    expect(report.dropped.length).toBeGreaterThan(0)
    expect((await rulesOf('--filter', 'udp')).filter).not.toBeNull()
    const { change } = await rulesOf('--rules-after', 'fixtures/knowledge/nft-ruleset.json')
    expect(change?.groups.length).toBeGreaterThan(0)
    const chains = new Set(report.rules.map(({ family, table, chain }) => `${family}|${table}|${chain}`))
    const lines = (await runCli(['packets', ...args, '--format', 'ndjson'])).stdout.trim().split('\n')
    const decided = lines.map(line => {
      const told = JSON.parse(line)
      expect(errorsOf(packet, told), line).toEqual([])
      return told.rule ?? null
    })
    const named = decided.filter(rule => rule !== null)
    expect(named.length).toBeGreaterThan(0)
    for (const { family, table, chain } of named) expect(chains).toContain(`${family}|${table}|${chain}`)
  })

  it('is what a report with a listing of the table is', async () => {
    const folder = 'fixtures/known-table'
    const args = [`${folder}/kernel.pcap`, '--table', `${folder}/kernel.table.txt`]
    const { stdout } = await runCli(['analyze', ...args, '--json'])
    expect(errorsOf(validator('report'), JSON.parse(stdout))).toEqual([])
  })

  it.each(['analyze', 'size', 'info'])(
    'of several hosts are one of hosts, as `%s` prints it',
    async command => {
      const folder = 'fixtures/two-hosts/nodeport-elsewhere-masqueraded'
      const captures = ['nodeA', 'nodeB'].map(node => `${node}=${folder}/${node}.any.pcap`)
      const { stdout } = await runCli([command, ...captures, '--json'])
      const document = JSON.parse(stdout)
      expect(errorsOf(validator('hosts'), document)).toEqual([])
      const own = validator(command === 'analyze' ? 'report' : command)
      for (const { report } of document.hosts) expect(errorsOf(own, report)).toEqual([])
    },
  )

  it.each([
    ['packet', 'packets'],
    ['event', 'events'],
    ['entry', 'list'],
  ])('%s is each line of `%s --format ndjson`', async (name, command) => {
    const validate = validator(name)
    const accounting = command === 'packets' ? [] : ['--set', 'nf_conntrack_acct=1']
    for (const capture of CAPTURES) {
      const { stdout } = await runCli([command, capture, '--format', 'ndjson', ...accounting])
      const lines = stdout
        .split('\n')
        .filter(line => line !== '')
        .slice(0, 500)
      for (const line of lines) expect(errorsOf(validate, JSON.parse(line)), line).toEqual([])
    }
  })

  it('with a field of another type are refused', async () => {
    const { stdout } = await runCli(['analyze', CAPTURES[0], '--json'])
    const report = JSON.parse(stdout)
    report.flows.total = 'many'
    report.stranger = 1
    expect(errorsOf(validator('report'), report)).toHaveLength(2)
  })
})
