// What a sysctl would change, by a replay: beside the advice to set it, and no advice to set one that changes nothing.
import { SYSCTLS } from '../../conntrack/settings.ts'
import { type Change, cures, improves, type SysctlTrial } from '../facts/sysctl-trial.ts'
import { type Advice, advice, adviceFor, counted, HOST, MACHINE } from './wording.ts'

/** A trial as it is printed: numbers of packets of the connections that were replayed. */
export interface TriedSysctl extends SysctlTrial {
  /** `with nf_conntrack_tcp_be_liberal=1: 0 of 2 INVALID left, no reset` */
  text: string
  /** What sets it. */
  commands: string[]
}

export function sysctlOf(trial: SysctlTrial): TriedSysctl {
  return { ...trial, text: sentence(trial), commands: commandsOf(trial) }
}

/**
 * Advice with what the trials of its sysctls came to: told beside those that help, left out where they do not, and one
 * more for a sysctl that cures and was not advised.
 */
export function triedAdvice(all: readonly Advice[], trials: readonly SysctlTrial[]): Advice[] {
  const helpful = all.flatMap(one => {
    const trial = trials.find(({ set }) => Object.keys(set).some(name => sets(one, name)))
    if (trial === undefined) return [one]
    return improves(trial) ? [{ ...one, text: `${one.text}; ${sentence(trial)}` }] : []
  })
  const advised = (trial: SysctlTrial): boolean =>
    Object.keys(trial.set).some(name => all.some(one => sets(one, name)))
  const timeouts = trials.find(trial => isTimeout(trial) && cures(trial))
  const others = trials.filter(trial => !isTimeout(trial) && cures(trial) && !advised(trial))
  const further = timeouts === undefined ? others : [timeouts, ...others]
  const more = further.map(trial =>
    adviceFor(
      placeOf(trial),
      `or ${isTimeout(trial) ? 'a longer timeout where that was too short' : 'take them for valid'}; ${sentence(trial)}`,
      ...commandsOf(trial),
    ),
  )
  // what says no more than that comes instead of it
  const kept = timeouts === undefined ? helpful : helpful.filter(one => one !== LONGER_TIMEOUT)
  return [...kept, ...more]
}

/** Where no trial says which, nor how long. */
export const LONGER_TIMEOUT: Advice = advice(
  'or a longer timeout on the host that translates, where it is shorter than the pause',
)

function placeOf({ set }: SysctlTrial): Advice['on'] {
  return 'nf_conntrack_max' in set ? MACHINE : HOST
}

function isTimeout({ set }: SysctlTrial): boolean {
  return Object.keys(set).some(name => SYSCTLS[name as keyof typeof SYSCTLS].effect === 'timeout')
}

function sets({ commands }: Advice, name: string): boolean {
  return commands.some(command => command.startsWith(`sysctl -w net.netfilter.${name}=`))
}

function commandsOf({ set }: SysctlTrial): string[] {
  return Object.entries(set).map(([name, value]) => `sysctl -w net.netfilter.${name}=${value}`)
}

function sentence({ set, invalid, unknown, resets, refused }: SysctlTrial): string {
  const names = Object.entries(set).map(([name, value]) => `${name}=${value}`)
  const parts = [
    ...(unknown.before === 0 ? [] : [`${left(unknown)} packets without an entry left`]),
    ...(invalid.before === 0 || (unknown.before > 0 && invalid.after > 0)
      ? []
      : [`${left(invalid)} INVALID left`]),
    ...(refused.before === 0 ? [] : [`${left(refused)} refused left`]),
    ...(resets.before === 0 ? [] : [resets.after === 0 ? 'no reset' : counted(resets.after, 'reset')]),
  ]
  return `with ${names.join(' and ')}: ${parts.join(', ')}`
}

function left({ before, after }: Change): string {
  return `${after} of ${before}`
}
