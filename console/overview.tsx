import type { DoorTraffic, SlowSubscriber } from '../src/protocols/management/console/data.ts'
import { Chart } from './chart.tsx'
import { bytes, clock, count, ms, rate } from './format.ts'
import { errors, snapshot } from './state.ts'

export function Overview() {
  const now = snapshot.value
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <section class="charts" aria-label="Live figures">
        <Chart
          title="Deliveries"
          value={now ? `${rate(now.deliveries)}/s` : '–'}
          lines={[{ column: 'deliveries', label: 'Deliveries a second' }]}
          format={short}
          height={150}
        />
        <Chart
          title="Publishes"
          value={now ? `${rate(now.publishes)}/s` : '–'}
          lines={[{ column: 'publishes', label: 'Publishes a second' }]}
          format={short}
          height={150}
        />
        <Chart
          title="Connections"
          value={now ? count(now.connections) : '–'}
          lines={[{ column: 'connections', label: 'Connections' }]}
          format={short}
        />
        <Chart
          title="Memory"
          value={now ? bytes(now.rss) : '–'}
          note={now ? `heap ${bytes(now.heap)}, dashed` : ''}
          lines={[
            { column: 'rss', label: 'Resident' },
            { column: 'heap', label: 'Heap', dashed: true },
          ]}
          format={bytes}
        />
        <Chart
          title="Event-loop delay"
          value={now ? ms(now.delay.p99) : '–'}
          note={now ? `p99; median ${ms(now.delay.p50)}, dashed` : ''}
          lines={[
            { column: 'p99', label: '99th percentile' },
            { column: 'p50', label: 'Median', dashed: true },
          ]}
          format={ms}
        />
      </section>
      <Doors doors={now?.doors ?? []} />
      <div class="columns">
        <Slow slow={now?.slow ?? []} />
        <Errors />
      </div>
    </>
  )
}

/** For axes. */
function short(value: number): string {
  if (value >= 1e6) return `${Math.round(value / 1e5) / 10} M`
  if (value >= 1e4) return `${Math.round(value / 100) / 10} k`
  return value % 1 === 0 ? count(value) : ''
}

function Doors({ doors }: { doors: readonly DoorTraffic[] }) {
  return (
    <section aria-labelledby="doors">
      <h2 id="doors">Doors</h2>
      <div class="scrolls" role="group" aria-labelledby="doors" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Door</th>
              <th scope="col">Open connections</th>
              <th scope="col">Subscriptions</th>
              <th scope="col">Published/s</th>
              <th scope="col">Delivered/s</th>
              <th scope="col">Out/s</th>
              <th scope="col">Published</th>
              <th scope="col">Delivered</th>
              <th scope="col">Gaps</th>
              <th scope="col">Went behind</th>
              <th scope="col">Refused</th>
            </tr>
          </thead>
          <tbody>
            {doors.map((door) => (
              <tr key={door.name}>
                <th scope="row">{door.name}</th>
                <Cell value={door.connections} />
                <Cell value={door.followers} />
                <Cell value={door.publishRate} shown={rate(door.publishRate)} />
                <Cell value={door.deliveryRate} shown={rate(door.deliveryRate)} />
                <Cell value={door.byteRate} shown={bytes(door.byteRate)} />
                <Cell value={door.published} />
                <Cell value={door.delivered} />
                <Cell value={door.gaps} />
                <Cell value={door.wentBehind} />
                <Cell value={door.refused} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

/** Nothing is there to be overlooked. */
function Cell({ value, shown = count(value) }: { value: number; shown?: string }) {
  return <td class={value === 0 ? 'zero' : ''}>{shown}</td>
}

function Slow({ slow }: { slow: readonly SlowSubscriber[] }) {
  return (
    <section aria-labelledby="slow">
      <h2 id="slow">Slow subscribers</h2>
      {slow.length === 0 ? (
        <p class="empty">All subscribers keep up. One that does not read shows here.</p>
      ) : (
        <div class="scrolls" role="group" aria-labelledby="slow" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Door</th>
                <th scope="col" class="text">
                  Follows
                </th>
                <th scope="col">Unsent</th>
                <th scope="col">Has all up to</th>
              </tr>
            </thead>
            <tbody>
              {slow.map(({ door, channels, unsent, position }, index) => (
                <tr key={index}>
                  <th scope="row">{door}</th>
                  <td class="text">{channels.join(', ')}</td>
                  <td>{bytes(unsent)}</td>
                  <td>{position}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function Errors() {
  const list = errors.value
  const total = snapshot.value?.errors ?? list.length
  return (
    <section aria-labelledby="errors">
      <h2 id="errors">
        Errors {total > 0 && <span class="badge">{count(total)} since the start</span>}
      </h2>
      {list.length === 0 ? (
        <p class="empty">None since the start.</p>
      ) : (
        <ol class="errors">
          {list.toReversed().map(({ time, text }, index) => (
            <li key={`${time} ${index}`}>
              <time dateTime={new Date(time).toISOString()}>{clock(time)}</time> {text}
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
