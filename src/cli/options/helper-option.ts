// `--helper NAME[:PORT]`: the helpers that rules of the node assign (CT --helper, ct helper set).
import {
  HELPER_NAMES,
  HELPERS,
  type HelperAssignment,
  isHelperName,
} from '../../conntrack/helper-assignment.ts'
import { UsageError } from '../io/usage-error.ts'

/** Help of the option, for program.ts. */
export const HELPER_HELP = `a helper that rules of the node assign, repeatable: ${HELPER_NAMES.map(name => `${name}:${HELPERS[name].port}`).join(', ')} (the port may be left out). Flows that it expects are RELATED`

/** @throws UsageError */
export function helperOf(text: string): HelperAssignment {
  const [helper = '', port, ...rest] = text.split(':')
  if (!isHelperName(helper)) throw new UsageError(`--helper ${text}: expected ${HELPER_NAMES.join(', ')}`)
  if (port === undefined) return { helper, port: HELPERS[helper].port }
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0
  if (rest.length > 0 || number < 1 || number > 0xffff)
    throw new UsageError(`--helper ${text}: expected NAME:PORT with a port from 1 to 65535`)
  return { helper, port: number }
}
