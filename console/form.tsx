/** A form for a method of a service, made from its definition. */
import { type Signal, useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import type { MethodDefinition, Param, ServiceDefinition } from '../src/services/definition.ts'
import { SERVICES } from '../src/services/definitions/index.ts'
import { call, wordsOf } from './api.ts'

/** As plain data: here it does not matter which service has which methods. */
export const services: Readonly<Record<string, ServiceDefinition>> = SERVICES

type Outcome = { readonly kind: 'ok' | 'bad' | 'busy' | 'none'; readonly text: string }

interface Props {
  readonly service: string
  readonly method: string
  /** Arguments that are given by where the form stands. */
  readonly fixed?: Readonly<Record<string, string>>
  readonly label?: string
  readonly done?: () => void
}

export function MethodForm({ service, method, fixed = {}, label = 'Send', done }: Props) {
  const definition: MethodDefinition | undefined = services[service]?.methods[method]
  const outcome = useSignal<Outcome>({ kind: 'none', text: '' })
  if (!definition) return null
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const texts: Record<string, string> = {}
    for (const { name } of definition.params) texts[name] = fixed[name] ?? textOf(form.get(name))
    void send(service, method, definition, texts, outcome).then((ok) => {
      if (ok) done?.()
    })
  }
  return (
    <form class="method" onSubmit={submit} aria-label={`${service}/${method}`}>
      {definition.params
        .filter(({ name }) => fixed[name] === undefined)
        .map((param) => (
          <Field key={param.name} param={param} />
        ))}
      <div class="act">
        <button type="submit" disabled={outcome.value.kind === 'busy'}>
          {label}
        </button>
        <Result outcome={outcome.value} />
      </div>
    </form>
  )
}

function Field({ param }: { param: Param }) {
  const id = useId()
  const { name, type, description, optional, example } = param
  const shared = {
    id,
    name,
    'aria-describedby': `${id}-what`,
    required: optional !== true,
    autocomplete: 'off',
    spellcheck: false,
    placeholder: typeof example === 'string' ? example : JSON.stringify(example),
  }
  return (
    <div class="field">
      <label for={id}>
        {name}
        <small>{optional ? ' optional' : ''}</small>
      </label>
      {type === 'object' ? (
        <textarea {...shared} rows={3} />
      ) : (
        <input {...shared} inputMode={type === 'number' ? 'numeric' : 'text'} />
      )}
      <small id={`${id}-what`}>
        {description}
        {type === 'object' && ' What is not JSON is sent as a text.'}
      </small>
    </div>
  )
}

/** The answer as it came, `OK` for nothing, `Error` and the words otherwise. */
function Result({ outcome: { kind, text } }: { outcome: Outcome }) {
  return (
    <output class={kind} aria-live="polite">
      {kind === 'busy' && '…'}
      {kind === 'ok' && (text === '' ? 'OK' : <pre>{readable(text)}</pre>)}
      {kind === 'bad' && (
        <>
          <strong>Error</strong> {text}
        </>
      )}
    </output>
  )
}

function readable(text: string): string {
  return /^[[{]/.test(text) ? JSON.stringify(JSON.parse(text), null, 2) : text
}

function textOf(value: FormDataEntryValue | null): string {
  return typeof value === 'string' ? value : ''
}

async function send(
  service: string,
  method: string,
  definition: MethodDefinition,
  texts: Readonly<Record<string, string>>,
  outcome: Signal<Outcome>,
): Promise<boolean> {
  outcome.value = { kind: 'busy', text: '' }
  try {
    const args: Record<string, unknown> = {}
    for (const param of definition.params) {
      const text = texts[param.name] ?? ''
      if (text !== '' || param.optional !== true) args[param.name] = valueOf(param, text)
    }
    outcome.value = { kind: 'ok', text: await call(service, method, args) }
    return true
  } catch (error) {
    outcome.value = { kind: 'bad', text: wordsOf(error) }
    return false
  }
}

/** What is typed, as the server wants it; that also checks it. */
function valueOf({ type }: Param, text: string): unknown {
  if (type === 'number' || type === 'user')
    return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text
  if (type !== 'object') return text
  try {
    return JSON.parse(text)
  } catch (error) {
    // What was meant to be JSON is a mistake; a line of words is none.
    if (/^\s*[[{"]/.test(text))
      throw new Error(`This is not JSON: ${String(error)}`, { cause: error })
    return text
  }
}
