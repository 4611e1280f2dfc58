// Which sysctl holds an entry: the timeout that ends one of an occupancy class when its flow falls silent.
import { describeClass } from '../conntrack/occupancy-class.ts'
import { isSysctlName, type SysctlName } from '../conntrack/settings.ts'

/** The sysctl, or null for the states that have none (SYN_SENT2, and NONE of SCTP). */
export function timeoutOf(occupancy: number): SysctlName | null {
  const { protocol, state, reply } = describeClass(occupancy)
  const stem = protocol === 'udplite' ? 'udp' : protocol === 'unknown' ? 'generic' : protocol
  const stream = reply === 'assured' && (stem === 'udp' || stem === 'gre') ? '_stream' : ''
  const name = `nf_conntrack_${stem}_timeout${stream}${state === '' ? '' : `_${state.toLowerCase()}`}`
  return isSysctlName(name) ? name : null
}
