// The base chains of a hook in the order in which they are run, in front of conntrack and behind it; enum nf_ip_hook_priorities.
import type { Family } from '../files/network.ts'
import type { Chain, Hook, Ruleset } from './ruleset.ts'

/** In front of the lookup, or behind it. */
export type Side = 'front' | 'behind'

/** kernel: NF_IP_PRI_CONNTRACK */
const CONNTRACK = -200

export class HookOrder {
  private readonly chains = new Map<string, readonly Chain[]>()
  private readonly ruleset: Ruleset

  constructor(ruleset: Ruleset) {
    this.ruleset = ruleset
  }

  at(hook: Hook, family: Family, side: Side): readonly Chain[] {
    const key = `${hook} ${family} ${side}`
    let found = this.chains.get(key)
    if (found === undefined) {
      found = this.ruleset
        .at(hook, family, ({ priority }) => (side === 'front') === isFront(hook, priority))
        .sort((a, b) => priorityOf(a) - priorityOf(b))
      this.chains.set(key, found)
    }
    return found
  }
}

/** Whether chains of a priority stand in front of conntrack, where the hook has it. */
function isFront(hook: Hook, priority: number): boolean {
  return isDestinationHook(hook) && priority < CONNTRACK
}

/** Where a chain is run: those of NAT all together, whatever their own priorities. kernel: nf_nat_register_fn() */
function priorityOf({ base }: Chain): number {
  if (base === null) return 0
  if (base.type !== 'nat') return base.priority
  return isDestinationHook(base.hook) ? NAT_DESTINATION : NAT_SOURCE
}

/** kernel: NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC */
const NAT_DESTINATION = -100
const NAT_SOURCE = 100

/** Whether a hook translates destinations; those of INPUT and POSTROUTING translate sources. */
export function isDestinationHook(hook: Hook): boolean {
  return hook === 'prerouting' || hook === 'output'
}

/** Whether a chain is run behind the translation of its hook. */
export function isBehindNat(hook: Hook, chain: Chain): boolean {
  if (hook === 'forward') return false
  return priorityOf(chain) > (isDestinationHook(hook) ? NAT_DESTINATION : NAT_SOURCE)
}
