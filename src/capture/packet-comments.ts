// Comments that a pcapng has on its packets: what ptcpdump, rustnet and people write there; kept by frame, with bounds.

/** Frames whose comments are kept of one capture, and texts that differ: beyond, comments are counted alone. */
const MOST_FRAMES = 1 << 18
const MOST_TEXTS = 1 << 14
/** Characters kept of a comment. */
const MOST_CHARACTERS = 240

export class PacketComments {
  /** Comments that found no room. */
  unkept = 0
  private readonly texts: string[] = []
  private readonly numbers = new Map<string, number>()
  private readonly byFrame = new Map<number, number>()

  /** Keeps a comment on a frame; of several on one frame the first. */
  note(frame: number, comment: string): void {
    const text = oneLine(comment)
    if (text === '' || this.byFrame.has(frame)) return
    const number = this.byFrame.size < MOST_FRAMES ? this.numberOf(text) : -1
    if (number < 0) this.unkept++
    else this.byFrame.set(frame, number)
  }

  /** The comment on a frame; `''` for none. */
  of(frame: number): string {
    const number = this.byFrame.get(frame)
    return number === undefined ? '' : this.texts[number]
  }

  /** One number for each text: most packets of a connection have the same. */
  private numberOf(text: string): number {
    const known = this.numbers.get(text)
    if (known !== undefined) return known
    if (this.texts.length === MOST_TEXTS) return -1
    this.numbers.set(text, this.texts.length)
    this.texts.push(text)
    return this.texts.length - 1
  }
}

/** The lines of a comment on one line, as far as it is kept. */
function oneLine(comment: string): string {
  const text = comment.trim().replace(/\s*[\r\n]+\s*/g, '; ')
  return text.length <= MOST_CHARACTERS ? text : `${text.substring(0, MOST_CHARACTERS - 1)}…`
}
