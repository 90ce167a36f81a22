/** Every method of every service, as a form. */
import type { ComponentChildren } from 'preact'
import { open } from './api.ts'
import { MethodForm, services } from './form.tsx'

/** A link to what the server asks a key for, as for everything. */
function Document({
  path,
  children,
}: {
  readonly path: string
  readonly children: ComponentChildren
}) {
  const show = (event: Event): void => {
    event.preventDefault()
    void open(path)
  }
  return (
    <a href={path} onClick={show}>
      {children}
    </a>
  )
}

export function Services() {
  return (
    <>
      <div class="bar">
        <h1>Services</h1>
        <p class="note">
          What programs call over HTTP, to try by hand.{' '}
          <Document path="/openapi.json">OpenAPI</Document> · <Document path="/api">/api</Document>
        </p>
        <nav class="toc" aria-label="Services">
          {Object.keys(services).map((name) => (
            <a key={name} href={`#service-${name}`} onClick={(event) => jump(event, name)}>
              {name}
            </a>
          ))}
        </nav>
      </div>
      {Object.entries(services).map(([name, { description, methods }]) => (
        <section key={name} id={`service-${name}`} tabIndex={-1} aria-labelledby={`title-${name}`}>
          <h2 id={`title-${name}`}>
            {name} <span class="note">{description}</span>
          </h2>
          <div class="methods">
            {Object.entries(methods).map(([method, definition]) => (
              <fieldset key={method}>
                <legend>
                  {name}/{method}
                </legend>
                <p class="note">
                  {definition.description}. {definition.details}
                </p>
                <MethodForm service={name} method={method} />
              </fieldset>
            ))}
          </div>
        </section>
      ))}
    </>
  )
}

/** The address is the page's: it is not to change by this. */
function jump(event: Event, name: string): void {
  event.preventDefault()
  const section = document.getElementById(`service-${name}`)
  section?.scrollIntoView()
  section?.focus({ preventScroll: true })
}
