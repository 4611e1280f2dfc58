// A whole TCP conversation: an opening, steps, an ending, and often the same ports once more.
import { type Conversation, ORIGINAL } from './conversation.ts'
import { aftermath, close, reopen } from './tcp-endings.ts'
import { step } from './tcp-middles.ts'
import { open } from './tcp-openings.ts'
import { ACK, SYN } from './tcp-segment.ts'
import { TcpTalk } from './tcp-talk.ts'

/** Makes up one TCP conversation; what it sends is in `conversation.packets`. */
export function talkTcp(conversation: Conversation): void {
  const { random } = conversation
  const talk = new TcpTalk(conversation)
  open(talk, ORIGINAL)
  let rounds = random.weighted([
    [6, 1],
    [3, 2],
    [1, 3],
  ])
  while (rounds-- > 0) {
    for (let steps = random.below(10); steps > 0; steps--) step(talk, talk.direction())
    if (random.chance(0.8)) close(talk, talk.direction())
    aftermath(talk)
    if (rounds === 0 && random.chance(0.5)) break
    if (random.chance(0.3)) {
      open(talk, talk.direction())
      continue
    }
    const by = reopen(talk)
    if (random.chance(0.7)) talk.send(talk.other(by), SYN | ACK, { sequence: talk.initialSequence() })
    if (random.chance(0.7)) talk.send(by, ACK)
  }
}
