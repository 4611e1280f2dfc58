// What several findings advise alike.
import type { Endpoint } from '../../host/knowledge.ts'
import { type Advice, advice, adviceFor, placeOf } from './wording.ts'

/** @param timeout what must not pass without a packet */
export function keepalives(timeout: string): Advice {
  return advice(
    `keepalives at shorter intervals than ${timeout}: an application's own, or SO_KEEPALIVE with TCP_KEEPIDLE (net.ipv4.tcp_keepalive_time is for sockets with SO_KEEPALIVE alone)`,
  )
}

/** @param where whose sockets want ports; `client`: an address of it */
export function moreLocalPorts(where: string, client: Endpoint | null): Advice {
  return adviceFor(
    placeOf('client', client),
    `more ports ${where}, but for those that its own services listen on (net.ipv4.ip_local_reserved_ports)`,
    'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
  )
}
