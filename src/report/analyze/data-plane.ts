// What a data plane in eBPF has of its own where its timeouts are replayed through Linux's state machine.

/** @param name of the data plane */
export function otherDataPlane(name: string): string {
  return `The timeouts are those of ${name}'s eBPF maps. States, windows, and what is INVALID or RELATED remain Linux's: ${name} has rules of its own. Its maps evict and refuse nothing: no maximum is held against the peak. Where it replaces kube-proxy, nf_conntrack sees little of this traffic.`
}
