// The progress bar on a terminal's stderr: for work of more than a second, with rate and remaining time.
import type { FrameSource } from '../../capture/frame.ts'
import { formatCount, formatDuration } from '../../report/text/format.ts'
import type { Io } from './io.ts'

/** Milliseconds before a bar appears, and between its updates. */
const DELAY = 1000
const INTERVAL = 200

/**
 * Does `work`, and shows meanwhile how far the reading of `source` is, if it takes long and somebody looks.
 * @param ending when it is aborted, the bar goes away and the terminal is as it was, whatever becomes of the work
 */
export async function withProgress<T>(
  source: FrameSource,
  io: Io,
  { quiet, ending }: { quiet: boolean; ending: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const hide = quiet || io.stderr.isTTY !== true ? () => {} : showProgress(source, io)
  ending.addEventListener('abort', hide)
  try {
    return await work()
  } finally {
    ending.removeEventListener('abort', hide)
    hide()
  }
}

/** Shows the bar; the returned function takes it away. */
function showProgress(source: FrameSource, io: Io): () => void {
  const started = Date.now()
  let stop = (): void => {}
  let over = false
  const timer = setTimeout(async () => {
    // 10 ms that a short run need not wait for
    const { SingleBar } = (await import('cli-progress')).default
    if (over) return
    const bar = new SingleBar({
      format: sizeOf(source) === 0 ? '{state}' : '{bar} {percentage} %, {state}',
      stream: io.stderr,
      clearOnComplete: true,
      gracefulExit: false,
    })
    const update = (): void => {
      bar.update(readOf(source), { state: describe(source, (Date.now() - started) / 1000) })
    }
    bar.start(sizeOf(source), readOf(source), { state: '' })
    update()
    const interval = setInterval(update, INTERVAL)
    stop = () => {
      clearInterval(interval)
      bar.stop()
    }
  }, DELAY)
  return () => {
    if (over) return
    over = true
    clearTimeout(timer)
    stop()
  }
}

function describe(source: FrameSource, seconds: number): string {
  const frames = source.captures.reduce((sum, capture) => sum + capture.frames, 0)
  const rate = `${formatCount(frames)} frames, ${formatCount(Math.round(frames / seconds))}/s`
  // how long a pipe goes on nobody knows
  if (sizeOf(source) === 0) return `${rate}, ${formatDuration(Math.floor(seconds))}`
  const read = readOf(source)
  if (read === 0) return rate
  const left = ((sizeOf(source) - read) / read) * seconds
  return `${rate}, ${formatDuration(Math.ceil(left))} left`
}

/** Bytes of all captures; 0 when a pipe is among them. */
function sizeOf(source: FrameSource): number {
  if (source.captures.some(capture => capture.size === 0)) return 0
  return source.captures.reduce((sum, capture) => sum + capture.size, 0)
}

function readOf(source: FrameSource): number {
  return source.captures.reduce((sum, capture) => sum + capture.read, 0)
}
