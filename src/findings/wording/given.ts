// What rules, topology and sysctls of the host say of a finding: the same sentences for all of them.
import { tableName } from '../../host/rules/ruleset.ts'
import type { Values } from '../facts/facts.ts'
import { end, text, type Wording } from './wording.ts'

export const GIVEN_REASONS: Wording['reasons'] = {
  'rule-sends': values => `${rule(values)} sends ${end(values, 'service')} to ${end(values, 'backend')}`,
  'rule-leads': values => `${rule(values)} sends what it translates to ${end(values, 'backend')}`,
  'sent-elsewhere': values =>
    `the rules given send ${end(values, 'service')} elsewhere (${rule(values)}): they are of another time or host`,
  'no-longer-sent': values =>
    `the rules given send ${end(values, 'service')} elsewhere (${rule(values)}), and ${end(values, 'backend')} gets no new flow`,
  'endpoint-gone': values =>
    `${end(values, 'backend')} is no endpoint of ${text(values, 'object')} any more, by the objects given`,
  'endpoint-not-ready': values =>
    `${end(values, 'backend')} is an endpoint of ${text(values, 'object')} that is not ready, by the objects given`,
  'endpoint-ready': values =>
    `by the objects given ${end(values, 'backend')} is an endpoint of ${text(values, 'object')}, and ready`,
  'rule-masquerades': values => `${rule(values)} masquerades ${end(values, 'source')}`,
  'rule-translates': values => `${rule(values)} translates ${end(values, 'source')}`,
  'same-bridge': values =>
    `both are behind bridge ${text(values, 'bridge')}${values.ports === undefined ? '' : ` (ports ${text(values, 'ports')})`}`,
  'other-bridges': () => 'the topology given has client and backend behind different bridges',
  'node-translates': values =>
    `by the objects given node ${text(values, 'node')} (${end(values, 'address')}) translates it`,
  'other-node-translates': values =>
    `by the objects given node ${text(values, 'node')} (${end(values, 'address')}) translates it, another host than the captures are of`,
  'bridge-calls': values =>
    `with ${text(values, 'sysctl')}=1 conntrack would see what a bridge of this host switches`,
  'not-masqueraded': values => `no rule masquerades what ${end(values, 'source')} sends to itself`,
  'would-masquerade': values =>
    `by ${rule(values)} it would be masqueraded: the rules given are of another time or host`,
  'hairpin-on': values =>
    `the topology given has hairpin mode on at ${text(values, 'port')}: then what is missing is masquerade`,
  'hairpin-off': values =>
    `hairpin mode is off at ${text(values, 'port')}, the client's port of ${text(values, 'bridge')}`,
  'invalid-passes': () => 'no rule given drops INVALID packets that are forwarded',
  'invalid-dropped': values =>
    `by the rules given it would have been dropped (${values.place === undefined ? 'the policy of a chain' : rule(values)}): they are of another time or host`,
  'no-invalid-rule': () => 'no rule given drops INVALID packets: they are of another time or host',
  'drops-forwarded-alone': values =>
    `${rule(values)} drops INVALID packets that are forwarded; what is for the host itself no rule given drops`,
  'none-drops': () => 'no rule given drops it when it is forwarded',
  'drops-invalid': values => `${rule(values)} drops INVALID packets`,
  'may-drop-invalid': values => `${rule(values)} may drop INVALID packets`,
  'rule-untracks': values => `${rule(values)} leaves them untracked`,
  'rule-drops': values => `${ruleThatDrops(values)} drops them`,
  'host-drops': values => `by what was given of the host it drops them itself: ${text(values, 'why')}`,
  'random-ports': () => 'by the rules given ports are chosen at random: they are of another time or host',
  'keeps-ports': values => `without ${text(values, 'flag')}: both keep their port`,
}

/** A rule with its table, chain and text, or the policy of a chain: `rules.txt:14 (ip filter FORWARD, "-A FORWARD -j DROP")`. */
export function ruleThatDrops(values: Values): string {
  const chain = `${tableName(text(values, 'table'))} ${text(values, 'chain')}`
  const place = text(values, 'place')
  return place === 'policy' ? `the policy of ${chain}` : `${place} (${chain}, "${text(values, 'text')}")`
}

/** What a rule is called: `rules.txt:37 ("default/web:http")`. */
function rule(values: Values): string {
  const name = text(values, 'name')
  return name === '' ? text(values, 'place') : `${text(values, 'place')} ("${name}")`
}
