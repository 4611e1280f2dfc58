// Commands for tshark, safe to paste into a shell.
import { describe, expect, it } from 'vitest'
import type { CaptureReport } from '../../src/report/analyze/model.ts'
import { tsharkFrames } from '../../src/report/analyze/tshark.ts'

const captures = (...paths: string[]): CaptureReport[] => paths.map(path => ({ path }) as CaptureReport)

describe('tsharkFrames', () => {
  it('filters by frame numbers', () => {
    expect(tsharkFrames(captures('a.pcap'), [{ capture: 0, frame: 12 }])).toBe(
      "tshark -r a.pcap -Y 'frame.number in {12}'",
    )
  })

  it('is a command for each capture concerned', () => {
    const frames = [
      { capture: 0, frame: 1 },
      { capture: 2, frame: 3 },
      { capture: 2, frame: 4 },
    ]
    expect(tsharkFrames(captures('a', 'b', 'c'), frames)).toBe(
      "tshark -r a -Y 'frame.number in {1}'; tshark -r c -Y 'frame.number in {3, 4}'",
    )
  })

  it('quotes a name that the shell would take apart', () => {
    const [spaced] = [tsharkFrames(captures("it's here.pcap"), [{ capture: 0, frame: 1 }])]
    expect(spaced).toBe("tshark -r 'it'\\''s here.pcap' -Y 'frame.number in {1}'")
    expect(tsharkFrames(captures('$(rm x)'), [{ capture: 0, frame: 1 }])).toContain("'$(rm x)'")
  })

  it('names frames in a row by the first and the last', () => {
    const frames = [1, 3, 4, 7, 8, 9, 12, 20, 21, 22, 23].map(frame => ({ capture: 0, frame }))
    expect(tsharkFrames(captures('a'), frames)).toBe(
      "tshark -r a -Y 'frame.number in {1, 3, 4, 7..9, 12, 20..23}'",
    )
  })

  it('is nothing without frames', () => expect(tsharkFrames(captures('a'), [])).toBe(''))
})
