import { effect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { dark, type History, history, HISTORY, snapshot } from './state.ts'

export interface Line {
  readonly column: Exclude<keyof History, 'time'>
  readonly label: string
  /** Told apart by more than a shade. */
  readonly dashed?: boolean
}

/** Seconds that are drawn at first. */
const LEAST = 60

interface Props {
  readonly title: string
  /** The newest value, in words. */
  readonly value: string
  readonly note?: string
  readonly lines: readonly Line[]
  /** Words for a value at the axis. */
  readonly format: (value: number) => string
  readonly height?: number
}

/** One figure with its last five minutes. */
export function Chart({ title, value, note, lines, format, height = 96 }: Props) {
  const holder = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = holder.current
    if (!element) return undefined
    let plot: uPlot | undefined
    const size = (): { width: number; height: number } => ({
      width: Math.max(120, element.clientWidth),
      height,
    })
    const stopDrawing = effect(() => {
      // Colours are read once: another look is another chart.
      void dark.value
      plot?.destroy()
      plot = new uPlot(optionsOf(lines, format, size()), dataOf(lines), element)
    })
    const stopFeeding = effect(() => {
      if (snapshot.value) plot?.setData(dataOf(lines))
    })
    const resized = new ResizeObserver(() => plot?.setSize(size()))
    resized.observe(element)
    return () => {
      resized.disconnect()
      stopFeeding()
      stopDrawing()
      plot?.destroy()
    }
  }, [])
  return (
    <figure class="chart">
      <figcaption>
        <span class="what">{title}</span>
        <span class="value">{value}</span>
        {note !== undefined && <span class="note">{note}</span>}
      </figcaption>
      <div ref={holder} class="plot" role="img" aria-label={`${title}, the last five minutes`} />
    </figure>
  )
}

function dataOf(lines: readonly Line[]): uPlot.AlignedData {
  return [history.time, ...lines.map(({ column }) => history[column])]
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function optionsOf(
  lines: readonly Line[],
  format: Props['format'],
  size: { width: number; height: number },
): uPlot.Options {
  const accent = colour('--accent')
  const axis = {
    stroke: colour('--faint'),
    font: '11px system-ui, sans-serif',
    ticks: { show: false },
  }
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 18, 0, 0],
    scales: {
      x: {
        time: true,
        range: () => {
          const newest = history.time.at(-1) ?? Date.now() / 1000
          const seen = newest - (history.time[0] ?? newest)
          return [newest - Math.min(HISTORY, Math.max(LEAST, seen)), newest]
        },
      },
      y: { range: (_plot, _least, most) => [0, Math.max(most * 1.15, 1)] },
    },
    series: [
      {},
      ...lines.map(({ label, dashed }) => ({
        label,
        stroke: accent,
        width: 1.5,
        points: { show: false },
        ...(dashed ? { dash: [3, 3] } : { fill: `${accent}1a` }),
      })),
    ],
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 20,
        space: 90,
        values: (_plot, times) => times.map((time) => clockOf(time, times)),
      },
      {
        ...axis,
        grid: { stroke: colour('--line'), width: 1 },
        size: 52,
        space: 28,
        values: (_plot, values) => values.map(format),
      },
    ],
  }
}

/** With seconds, where minutes would not tell the marks apart. */
function clockOf(time: number, [first = 0, second = 0]: readonly number[]): string {
  return new Date(time * 1000).toTimeString().slice(0, second - first < 60 ? 8 : 5)
}
